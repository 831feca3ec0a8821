"""The connections of this process, and the requests that each POS is to receive.

`registry` holds the live connections, and `takeovers` slows down tills that replace each other. Each connection has a
`lane`, which sends its requests (`outgoing`) in order. Requests in flight occupy its `window`. `suspects` are requests
that may have ended a connection. This package may import `relay.retrying`, but no other module of `relay`.
"""
