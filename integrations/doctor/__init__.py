"""Looks at an installation's configuration and says in plain words what is wrong with it, and what to do."""

from collections.abc import Callable, Iterator

from integrations.doctor import configuration, database, machine, outside
from integrations.doctor.finding import Finding, Level, wrong

__all__ = ["Finding", "Level", "examine"]

PARTS: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
    ("addresses", configuration.addresses),
    ("proxy", configuration.proxy),
    ("secrets", configuration.secrets),
    ("settings", configuration.framework_checks),
    ("database", database.connection_and_version),
    ("migrations", database.migrations),
    ("clock", database.clock),
    ("layer", outside.layer),
    ("files", machine.file_limit),
    ("disk", machine.disk),
    ("public address", outside.public_address),
)


def examine() -> list[Finding]:
    """Return what was found, part by part; a part that cannot be looked at is a finding of its own."""
    return [finding for about, part in PARTS for finding in _findings(about, part)]


def _findings(about: str, part: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(part())
    except Exception as error:  # noqa: BLE001  (the doctor must not die of the illness)
        what = f"It could not be looked at ({type(error).__name__}: {(str(error).splitlines() or [''])[0]})."
        return [wrong(about, what, "Put right what the other findings name, then ask again.")]
