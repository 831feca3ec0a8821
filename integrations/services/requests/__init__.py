"""Requests to a POS: how they are stored, sent and ended, and what is kept of them.

`request_types` holds the types that pass between callers, relay and database. `storing`, `sending`, `ending` and
`results` follow the life of a request. `repeats` recognises a RequestID that was used before, `queues` counts what is
open, `holders` says which process has sent it, `retries` limits how often it is sent again. `contents` and
`secret_members` hide secrets in what is stored. `asking` is for staff, `message_types` for the names of requests,
`redacting` for rows of an older version.
"""
