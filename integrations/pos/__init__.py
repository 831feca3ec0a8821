"""Entry point for the POS: the auth endpoint and the websocket.

Start with `routing` and `paths`. They lead to `views` (tokens) and to `middleware` and `consumer` (the websocket).
`access` accepts and refuses callers. `errors` maps refusals to HTTP, and `close_codes` maps close reasons to codes.
`messages` translates between the POS's names and the project's own. `tokens` signs and reads access tokens. `limits`
limits callers and tills. `link` and `mentions` support the consumer. `asyncapi` writes a machine-readable description
of both endpoints. This package may import `services`, `relay` and everything below them, but no other entry point.
"""
