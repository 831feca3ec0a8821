"""The API key of the call."""
