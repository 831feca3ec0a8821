"""What no log may contain, and the logs of this run: the two sides of the sweep at its end."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

SHORTEST = 8
STAFF_PASSWORD = re.compile(r"\bpassword +(\S+)")
PREFIXES = ("ONPS-", "ONPK-")
GENERATED_SECRET = re.compile(r"ONP[SK]-[0-9A-Z-]{20,}|whsec_[A-Za-z0-9+/=]{20,}")


class Ledger:
    """Remembers secrets and log files for the length of one test run."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._logs: list[Path] = []

    def __repr__(self) -> str:
        return f"<Ledger of {len(self._secrets)} secrets, {len(self._logs)} logs>"

    @property
    def secrets(self) -> frozenset[str]:
        return frozenset(self._secrets)

    @property
    def logs(self) -> tuple[Path, ...]:
        return tuple(self._logs)

    def remember(self, *secrets: object) -> None:
        """Add what may not be logged; anything but a string, or shorter than 8 characters, is passed over."""
        self._secrets.update(one for one in secrets if isinstance(one, str) and len(one) >= SHORTEST)

    def remember_generated(self, text: str) -> None:
        """Add every generated POS secret, API key and staff password that a command printed or was given."""
        self.remember(*GENERATED_SECRET.findall(text), *STAFF_PASSWORD.findall(text))

    def watch(self, log: Path) -> Path:
        """Have the file read at the end of the run; it may not exist yet."""
        if log not in self._logs:
            self._logs.append(log)
        return log

    def leaks(self) -> list[str]:
        """One line per find, naming file and line number, with the secret masked."""
        by_start = _by_start(self._secrets)
        return [leak for log in self._logs for leak in _leaks_in(log, by_start)]


def spellings(secret: str) -> set[str]:
    """The forms in which a line could carry the secret: as it is, quoted for a URL or for JSON, without hyphens."""
    forms = {secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]}
    if secret.startswith(PREFIXES):
        forms.add(secret.replace("-", ""))
        forms.add(secret.partition("-")[2].replace("-", ""))
    return forms


def _by_start(secrets: Iterable[str]) -> dict[str, list[str]]:
    """Every spelling under its first eight characters: one look-up per position, however many secrets there are."""
    found: dict[str, list[str]] = defaultdict(list)
    for form in {form for secret in secrets for form in spellings(secret)}:
        found[form[:SHORTEST]].append(form)
    return dict(found)


def _leaks_in(log: Path, by_start: Mapping[str, list[str]]) -> Iterator[str]:
    if not log.exists():
        return
    with log.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if _find(line, by_start):
                yield f"{log}:{number}: {_masked(line.strip(), by_start)}"


def _find(line: str, by_start: Mapping[str, list[str]]) -> str | None:
    for at in range(len(line) - SHORTEST + 1):
        for form in by_start.get(line[at : at + SHORTEST], ()):
            if line.startswith(form, at):
                return form
    return None


def _masked(line: str, by_start: Mapping[str, list[str]]) -> str:
    while found := _find(line, by_start):
        line = line.replace(found, f"{found[:4]}[{len(found)} characters]")
    return line


LEDGER = Ledger()
