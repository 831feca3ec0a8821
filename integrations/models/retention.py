"""The kinds of records with a retention period, after which services/retention/retention.py deletes them."""

from enum import StrEnum


class RecordKind(StrEnum):
    """Kinds of records in the order of pruning: rows that refer to others are deleted first."""

    REQUESTS = "requests"
    PAYLOADS = "payloads"
    UNRECOGNISED_FRAMES = "unrecognised_frames"
    ATTEMPTS = "attempts"
    CONNECTIONS = "connections"
    PROCESSES = "processes"
    SESSIONS = "sessions"
    ANSWERED_CALLS = "answered_calls"
    AUDIT = "audit"

    @property
    def words(self) -> str:
        return WORDS[self]


WORDS = {
    RecordKind.REQUESTS: "requests",
    RecordKind.PAYLOADS: "payloads and answers of requests",
    RecordKind.UNRECOGNISED_FRAMES: "unrecognised frames",
    RecordKind.ATTEMPTS: "authentication attempts",
    RecordKind.CONNECTIONS: "connections",
    RecordKind.PROCESSES: "server processes",
    RecordKind.SESSIONS: "expired staff sessions",
    RecordKind.ANSWERED_CALLS: "answers to API calls with an Idempotency-Key",
    RecordKind.AUDIT: "audit events",
}
