"""Generates, digests and seals secrets, redacts them from logs, and knows which addresses are public.

This package does no I/O and imports only `text` of this project.
"""
