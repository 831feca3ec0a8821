"""What goes over the wire, through whichever entry point. Pure: it imports nothing of the project but `text`.

`raw_json`, `canonical_json`: JSON as it was spelled. `envelope`, `payload_models`: frames and what they carry.
`asgi_types`, `plain_http`, `request_bodies`: HTTP for machines. `arriving`, `limits`: how much may be under way.
`endpoints`, `origins`, `security_headers`: paths, web sites, and headers of every answer.
"""
