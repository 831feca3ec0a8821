"""Finds unknown names in `.env`, misspelt names in the environment, and names whose values differ in the two."""

import os
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from django.conf import settings

from portal.env_file import Assignment, EnvFileError, assignments
from portal.operations.doctor.finding import Finding, advice, fine, wrong

# The minimum similarity (0 to 1) at which a name counts as a misspelling of a setting.
ALIKE_IN_FILE, ALIKE_IN_ENVIRONMENT = 0.6, 0.88


def names() -> Iterator[Finding]:
    """Report names that are not settings, and values in `.env` that are overridden. Values are never shown."""
    try:
        lines = assignments(settings.ENV_FILE)
    except EnvFileError as error:  # the file has changed since the settings were read
        yield wrong("names", str(error), "Correct the line.")
        return
    found = [*_unknown(lines), *_misspelt(lines), *_hidden(lines)]
    yield from found or [fine("names", "Every name in .env is a setting of the portal.")]


def _unknown(lines: Iterable[Assignment]) -> Iterator[Finding]:
    for line in lines:
        if line.name not in settings.KNOWN_NAMES:
            todo = (
                f"Correct the name{_proposal(line.name, ALIKE_IN_FILE)}, or remove the line if an older version had the"
                " setting (CHANGELOG.md lists those); if another program reads it, leave it."
            )
            what = f"The portal has no setting {line.shown_name}, which .env sets: it is not read."
            yield advice("names", what, todo)


def _misspelt(lines: Iterable[Assignment]) -> Iterator[Finding]:
    for name in sorted(set(os.environ) - settings.KNOWN_NAMES - {line.name for line in lines}):
        if proposal := _proposal(name, ALIKE_IN_ENVIRONMENT):
            what = f"The portal has no setting {name}, which the environment sets."
            yield advice("names", what, f"Correct the name{proposal}; if another program reads it, leave it.")


def _hidden(lines: Iterable[Assignment]) -> Iterator[Finding]:
    for line in lines:
        if line.value and os.environ.get(line.name) not in (None, line.value):
            what = f"{line.shown_name} has different values in the environment and in .env. The environment's is used."
            yield advice("names", what, "Remove one of them.")


def _proposal(name: str, alike: float) -> str:
    nearest = get_close_matches(name.upper(), settings.KNOWN_NAMES, n=1, cutoff=alike)
    return f" (is it {nearest[0]}?)" if nearest else ""
