"""Requests to a POS: store them, send them and end them.

`request_types` holds the types that pass between callers, relay and database. `storing`, `sending`, `ending` and
`results` follow the life of a request. `repeats` recognises a RequestID that was used before, `queues` counts open
requests, `holders` finds the process that has sent a request, and `retries` limits resending. `contents` and
`secret_members` hide secrets in stored contents, and `summaries` describes a request for staff. `asking` stores the
requests that staff send, and `message_types` stores the names and numbers of message types.
"""
