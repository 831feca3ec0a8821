"""The kinds of records that are not kept for ever. Which, how long and how: services/retention/retention.py."""

from enum import StrEnum


class RecordKind(StrEnum):
    """In the order in which they are pruned: what hangs on another goes first."""

    REQUESTS = "requests"
    PAYLOADS = "payloads"
    STRAY_FRAMES = "stray_frames"
    ATTEMPTS = "attempts"
    CONNECTIONS = "connections"
    PROCESSES = "processes"
    SESSIONS = "sessions"
    AUDIT = "audit"

    @property
    def words(self) -> str:
        return WORDS[self]


WORDS = {
    RecordKind.REQUESTS: "requests",
    RecordKind.PAYLOADS: "payloads and answers of requests",
    RecordKind.STRAY_FRAMES: "stray frames",
    RecordKind.ATTEMPTS: "authentication attempts",
    RecordKind.CONNECTIONS: "connections",
    RecordKind.PROCESSES: "server processes",
    RecordKind.SESSIONS: "expired sessions of staff",
    RecordKind.AUDIT: "audit events",
}
