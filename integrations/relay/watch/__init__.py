"""Polls the database every second, and closes the POS connections that are no longer allowed.

`watcher` is the loop, `standings` reads whether a connection is still allowed, and `process_lease` maintains the
process's row. This package may import the other packages of `relay`.
"""
