"""The sockets of this process and what is on its way to each POS.

`registry` holds the live connections, `takeovers` slows down tills that replace each other. Each connection has a
`lane`, which sends its requests (`outgoing`) in order; `suspects` chooses among those that may have ended a connection.
It may import `relay.retrying` and what `relay` may, and no other package of `relay`.
"""
