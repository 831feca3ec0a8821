"""Authentication of POSes, their connections and how they ended, and leases on work that only one process may do."""
