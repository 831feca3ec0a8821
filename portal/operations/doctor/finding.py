"""One thing that was found."""

from dataclasses import dataclass
from enum import StrEnum

from integrations.security.redaction import redact


class Level(StrEnum):
    FINE = "fine"
    ADVICE = "advice"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is, and what to do about it (empty where all is well)."""

    level: Level
    about: str
    what: str
    todo: str = ""


def fine(about: str, what: str) -> Finding:
    return Finding(Level.FINE, about, redact(what))


def advice(about: str, what: str, todo: str) -> Finding:
    return Finding(Level.ADVICE, about, redact(what), todo)


def wrong(about: str, what: str, todo: str) -> Finding:
    return Finding(Level.WRONG, about, redact(what), todo)
