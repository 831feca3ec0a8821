"""Entry point for the provider's own systems: they send requests over REST and get the POS's answers.

Start with `urls` and `base.views`; `backend_http` calls the views without Django's handler. `base` holds what every
call needs: it authenticates the caller, parses queries, and writes pages and problems. Each other folder serves one
kind of resource: its `views` answer the calls, `rows` reads the data that the caller may see, `serializers` writes the
answer, and `schema` describes the calls for the OpenAPI document. In this folder, `schema`, `enum_names`,
`header_fields` and `openapi_links` complete the document, and `description` serves it. This package may import `relay`,
`services` and everything below them, but no other entry point.
"""
