"""What happened, to read: connections, authentication attempts, stray frames, audit events."""
