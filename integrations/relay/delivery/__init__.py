"""Delivery of requests to the POSes, and of their ends to the callers.

`dispatcher` is the entry to what concerns stored requests: `submitter` stores new ones, `lane_filler` puts what is open
on the lanes, `endings` writes how requests ended, `waiters` are the calls that wait for that, `background` runs what no
call awaits. `transient_requests` is about requests that are not durable. It may import `sockets`.
"""
