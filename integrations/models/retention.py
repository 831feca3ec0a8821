"""The kinds of records that are not kept for ever. Which, how long and how: services/retention/retention.py."""

from enum import StrEnum


class Kind(StrEnum):
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
    Kind.REQUESTS: "requests",
    Kind.PAYLOADS: "payloads and answers of requests",
    Kind.STRAY_FRAMES: "stray frames",
    Kind.ATTEMPTS: "authentication attempts",
    Kind.CONNECTIONS: "connections",
    Kind.PROCESSES: "server processes",
    Kind.SESSIONS: "expired sessions of staff",
    Kind.AUDIT: "audit events",
}
