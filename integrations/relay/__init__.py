"""Delivers requests to POSes, in each server process that holds websockets.

Read `runtime` first (the background work of a process), then `delivery` (requests to a POS, and their answers).
`sockets` holds the connections, `records` writes records in batches, and `watch` closes connections that the database
no longer allows. `chore_runner` runs chores in only one of the processes, `wakeups` and `redis_layer` notify the other
processes, and `retrying` retries after errors. This package may import `services` and everything below them, but no
entry point.
"""
