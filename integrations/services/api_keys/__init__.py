"""Create, rotate and retire the API keys of the provider's systems (`api_keys`).

`idempotency` executes a call only once, even if its caller repeats it.
"""
