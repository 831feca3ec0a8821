"""Hidden characters, comparison of names, addresses of clients, random IDs. Pure."""
