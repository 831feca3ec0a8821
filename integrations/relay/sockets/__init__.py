"""The sockets of this process and what is on its way to each POS.

`registry` holds the live connections, `takeovers` slows down tills that replace each other. Each connection has a
`lane`, which sends its requests (`outgoing`) in order. Those in flight fill its `window`; `suspects` are those that may
have ended a connection. It may import `relay.retrying`, and no other module of `relay`.
"""
