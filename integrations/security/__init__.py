"""Generates, digests and seals secrets, redacts them from logs, and knows which addresses are public.

This package does no I/O. Of the project's other packages, it imports only `text`.
"""
