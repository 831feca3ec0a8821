"""Delivery to the POS, in each server process that holds sockets.

Start with `runtime` (what runs in a process), then `dispatcher` and `lane` (requests to a POS, and their answers).
`registry` knows the sockets, `watcher` closes those that the rows no longer allow, `recorder` writes in batches.
It may import `services` and everything below them, and no entry point.
"""
