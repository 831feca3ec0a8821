"""The API keys of the provider's systems: create, rotate with an overlap, retire (`api_keys`).

`idempotency` executes a call only once, even if its caller repeats it.
"""
