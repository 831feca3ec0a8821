"""Generates, digests and seals secrets, redacts them from logs, and knows which addresses are public.

Pure: it imports only `text` of this project.
"""
