"""Authentication of POSes, their connections and presence, and leases on work that only one process may do."""
