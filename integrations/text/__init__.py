"""Hidden characters, comparison of names, addresses and browsers of clients, random IDs, moments as text.

Pure: it imports nothing else of this project.
"""
