"""Wire formats that the entry points share. This package does no I/O and imports only `text` of this project.

`raw_json` handles JSON exactly as sent, and `canonical_json` writes it in one canonical spelling. `envelope` and
`payloads` define frames and their payloads. `asgi_types`, `plain_http` and `request_bodies` are for HTTP endpoints
that programs call. `limits` defines limits for callers that are not authenticated yet; `unfinished_requests` applies
some of them. `endpoints` has the paths, and `security_headers` has the security headers that every answer gets.
"""
