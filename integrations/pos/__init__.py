"""Entry point for the POS: the auth endpoint and the websocket.

Start with `routing` and `paths`: they lead to `views` (a token), to `middleware` and `consumer` (the socket). `access`
accepts and refuses; `errors` turns refusals into HTTP, `close_codes` into codes. `messages` translates the names on the
wire, `tokens` are the access tokens, `limits` holds the limits of callers and tills, `link` and `mentions` serve the
consumer. It may import `services`, `relay` and everything below them, and no other entry point.
"""
