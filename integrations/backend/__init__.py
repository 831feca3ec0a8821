"""Entry point for the provider's own systems: they call over REST, and get what the POS answers.

Start with `urls` and `views`; `routing` leads to them past Django's handler. `authentication` says whose call it is;
`orders`, `query` and `pagination` read the call, `rows` finds what it may see, `outcomes`, `serializers` and `problems`
answer. `correlation` marks what belongs to one call, `schema` and `description` are the OpenAPI document.
It may import `relay`, `services` and everything below them, and no other entry point.
"""
