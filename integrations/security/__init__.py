"""Generates, digests and seals secrets, and redacts them from logs. Pure."""
