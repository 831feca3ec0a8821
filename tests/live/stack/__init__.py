"""What the tests start: server processes, PostgreSQL, Redis and proxies, each with its folder, ports and log.

`servers.py` starts the portal, `prepared.py` copies databases prepared once, `waiting.py` waits for conditions, and
`ledger.py` checks that no log holds a secret of a test.
"""
