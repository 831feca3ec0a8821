"""Polls the rows every second, and closes connections that they no longer allow.

`watcher` is the loop, `standings` reads whether a connection is still allowed, and `process_lease` maintains the
process's row. This package may import the other packages of `relay`.
"""
