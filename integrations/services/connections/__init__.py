"""Who may have a token, and which process may do what only one process may do (leases)."""
