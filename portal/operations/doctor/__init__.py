"""Checks an installation's configuration; reports problems and their solutions in plain words."""

from collections.abc import Callable, Iterator

from django.conf import settings

from portal.operations.doctor import configuration, database, keys, machine, outside, unread_variables
from portal.operations.doctor.finding import Finding, Level, wrong

__all__ = ["Finding", "Level", "examine"]

Part = tuple[str, Callable[[], Iterator[Finding]]]

WITH_DATABASE: tuple[Part, ...] = (
    ("database", database.version_and_connections),
    ("migrations", database.migrations),
    ("clock", database.clock),
    ("keys", keys.stored_under_lost_keys),
    ("layer", outside.layer),
    ("files", machine.file_limit),
)


def examine() -> list[Finding]:
    """Return the findings of all parts. An error that a part raises becomes a finding."""
    return [finding for about, part in PARTS for finding in _findings(about, part)]


def _database() -> Iterator[Finding]:
    """Yield the findings of parts that use the database. If it is unavailable, skip parts that would wait for it."""
    problems = list(database.unreachable())
    yield from problems
    for about, part in WITH_DATABASE if not problems else ():
        yield from _findings(about, part)
    if problems and settings.REDIS_URL:
        yield from _findings("layer", outside.layer)


def _findings(about: str, part: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(part())
    except Exception as error:  # noqa: BLE001  (the error may be what the doctor is looking for)
        what = f"This check failed ({type(error).__name__}: {(str(error).splitlines() or [''])[0]})."
        return [wrong(about, what, "Correct the other findings, then run the doctor again.")]


PARTS: tuple[Part, ...] = (
    ("addresses", configuration.addresses),
    ("proxy", configuration.proxy),
    ("secrets", configuration.secrets),
    ("names", unread_variables.names),
    ("settings", configuration.framework_checks),
    ("database", _database),
    ("disk", machine.disk),
    ("public address", outside.public_address),
)
