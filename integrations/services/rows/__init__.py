"""Read and write rows efficiently.

`threads` runs database work for the event loop, `remembered` keeps the results of look-ups for a second, and
`shared_writes` joins writes into one transaction. `sql_query` reads with plain SQL, `plain_rows` writes with bulk
statements, and `chunks` splits lists of keys. `keyset_pages` reads pages of long lists. `shared_cache` is Django's
cache in the database, and `shared_limits` counts events in that cache. `brief_waits` skips a write that would wait
too long for a lock.
"""
