"""Delivery to the POS, in each server process that holds sockets.

Start with `runtime` (what runs in a process), then `delivery` (requests to a POS, and their answers). `sockets` holds
the connections, `records` writes in batches, `watch` closes the connections that the rows no longer allow. `chores` run
in one process of all, `wakeups` and `redis_layer` reach the other processes, `retrying` repeats what an error stopped.
It may import `services` and everything below them, and no entry point.
"""
