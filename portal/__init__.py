"""The Django project and the process that serves it.

`settings` (with `environment`, `env_file`, `service_urls`), `urls` and `asgi` are where Django looks for them.
`serving` runs the server, `web` answers browsers, `operations` holds the tools of an operator. All of them may import
all of `integrations`.
"""
