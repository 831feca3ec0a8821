"""Collects the secrets and the log files of a test run, and finds logged secrets at the end of the run."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import ahocorasick

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
        """Add secrets that must not be logged; ignore values that are not strings or have fewer than 8 characters."""
        self._secrets.update(one for one in secrets if isinstance(one, str) and len(one) >= SHORTEST)

    def remember_generated(self, text: str) -> None:
        """Find generated POS secrets, API keys, webhook secrets and staff passwords in this text, and remember them."""
        self.remember(*GENERATED_SECRET.findall(text), *STAFF_PASSWORD.findall(text))

    def watch(self, log: Path) -> Path:
        """Add this file to those that `leaks` searches, and return its path. The file need not exist yet."""
        if log not in self._logs:
            self._logs.append(log)
        return log

    def leaks(self) -> list[str]:
        """Return for each log line with a secret: the file, the line number, and the line with the secret masked."""
        forms = _matcher(self._secrets)
        return [leak for log in self._logs for leak in _leaks_in(log, forms)] if self._secrets else []


def spellings(secret: str) -> set[str]:
    """Return the forms that a secret may have in a log line.

    A secret may be unchanged, or quoted for a URL or JSON. A generated secret may also lack its hyphens and its prefix.
    """
    forms = {secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]}
    if secret.startswith(PREFIXES):
        forms.add(secret.replace("-", ""))
        forms.add(secret.partition("-")[2].replace("-", ""))
    return forms


def _matcher(secrets: Iterable[str]) -> ahocorasick.Automaton:
    """Return one automaton for all spellings, so logs of 100 MB are read once for any number of secrets."""
    found = ahocorasick.Automaton()
    for form in {form for secret in secrets for form in spellings(secret)}:
        found.add_word(form, form)
    found.make_automaton()
    return found


def _leaks_in(log: Path, forms: ahocorasick.Automaton) -> Iterator[str]:
    if not log.exists():
        return
    with log.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if next(forms.iter(line), None):
                yield f"{log}:{number}: {_masked(line.strip(), forms)}"


def _masked(line: str, forms: ahocorasick.Automaton) -> str:
    while found := next(forms.iter_long(line), None):
        line = line.replace(found[1], f"{found[1][:4]}[{len(found[1])} characters]")
    return line


LEDGER = Ledger()
