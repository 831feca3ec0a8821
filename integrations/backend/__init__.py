"""Entry point for the provider's own systems: they send requests over REST and get the POS's answers.

Start with `urls` and `views`; `routing` calls them without Django's handler. `authentication` identifies the caller.
`orders`, `query` and `pagination` parse the call, and `rows` reads the data that the caller may see. `outcomes`,
`serializers` and `problems` write the answer. `correlation` assigns an id to each call. `schema` and `description`
produce the OpenAPI document. This package may import `relay`, `services` and everything below them, but no other entry
point.
"""
