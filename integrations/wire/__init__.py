"""Wire formats that the entry points share. This package does no I/O and imports only `text` of this project.

`raw_json`, `canonical_json`: JSON in its original and in one canonical spelling. `envelope`, `payloads`: frames
and their payloads. `asgi_types`, `plain_http`, `request_bodies`: HTTP for machines. `unfinished_requests`,
`limits`: limits on unfinished requests. `endpoints`, `security_headers`: paths, and headers of every answer.
"""
