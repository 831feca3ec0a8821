"""What the tests start: server processes, PostgreSQL, Redis and proxies, each with its folder, ports and log.

`servers.py` starts the portal, `prepared.py` creates files once for all workers of a test run, `waiting.py` waits for
conditions, and `ledger.py` checks that no log holds a secret of a test.
"""
