"""Wire formats that the entry points share. This package does no I/O and imports only `text` of this project.

`raw_json` and `canonical_json` handle JSON in its original and in one canonical spelling; `envelope` and `payloads`
define frames and their payloads. `asgi_types`, `plain_http` and `request_bodies` serve HTTP to machines.
`unfinished_requests` and `limits` limit unfinished requests. `endpoints` has the paths, and `security_headers` the
headers of every answer.
"""
