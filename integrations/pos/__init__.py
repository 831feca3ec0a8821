"""Entry point for the POS: the auth endpoint and the websocket.

Start with `paths` and `views` (a token), then `middleware` and `consumer` (the socket). `access` accepts and refuses,
`wire` translates the names on the wire, `limits` holds the limits of callers and tills.
It may import `services`, `relay` and everything below them, and no other entry point.
"""
