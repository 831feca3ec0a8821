"""Delivers requests to POSes and outcomes to callers.

`dispatcher` is the entry point for stored requests. `submitter` stores new ones, `lane_filler` puts open ones on the
lanes, `endings` writes their outcomes, `waiters` holds the calls that wait for outcomes, and `background_tasks` runs
tasks that no call awaits. `transient_requests` handles requests that are not durable, and `ask_messages` passes them
between processes. This package may import `sockets`.
"""
