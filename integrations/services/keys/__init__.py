"""The server's own keys: under which one a process writes while they are exchanged."""
