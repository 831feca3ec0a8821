"""The caller's own API key."""
