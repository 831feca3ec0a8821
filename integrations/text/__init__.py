"""Functions for text: hidden characters, names, client addresses, browser names, random IDs, and times as text.

This package does no I/O and imports nothing else of this project.
"""
