"""Hidden characters, comparison of names, addresses of clients, random IDs, moments as text. Pure."""
