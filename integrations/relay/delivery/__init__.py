"""Delivery of requests to the POSes, and of their ends to the callers.

`dispatcher` is about stored requests, `polls` about those that are not durable. It may import `sockets` and `records`.
"""
