"""Hidden characters, comparison of names, addresses and browsers of clients, random IDs, moments as text.

This package does no I/O and imports nothing else of this project.
"""
