# Written by script/clients from the API's OpenAPI document. Do not edit it.

TEMPORARY = frozenset(
    (
        "database-away",
        "idempotency-key-in-use",
        "internal",
        "no-answer-yet",
        "not-ready",
        "queue-full",
        "rate-limited",
        "request-timeout",
        "restarting",
        "too-many-bodies",
        "too-many-requests",
    )
)
