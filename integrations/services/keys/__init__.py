"""The server's own keys: which one each process writes with during a key rotation."""
