"""Characters that cannot be seen, names that are compared, addresses of clients, random IDs. Pure."""
