"""Pages about past events: connections, authentication attempts, unrecognised frames, audit events."""
