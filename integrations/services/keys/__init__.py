"""Choose which of the server's own keys each process writes with during a key rotation."""
