"""One result of a check by the doctor."""

from dataclasses import dataclass
from enum import StrEnum

from integrations.security.redaction import redact


class Level(StrEnum):
    FINE = "fine"
    ADVICE = "advice"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact about the installation, and advice on what to do about it (empty if nothing is wrong)."""

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
