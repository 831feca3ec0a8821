"""How rows are read and written.

`threads` runs database work for the event loop. `sql_query` reads in plain SQL, `plain_rows` writes in bulk statements,
`chunks` splits lists of keys. `keyset` reads pages of long lists. `shared_cache` and `shared_limits` are Django's cache
in the database and the limits counted in it; `brief_waits` gives up a write that would wait for a lock.
"""
