"""Finds names that look nearly like existing ones: probably the same, mistyped.

They differ only in letter case, in diacritical marks, or in characters that look alike (apostrophes, dashes, letters of
another script).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from integrations.models import Organisation, Outlet
from integrations.services.bulk.file import FileRow
from integrations.services.bulk.plan import PlannedRow, Verdict
from integrations.services.rows.chunks import chunks
from integrations.text.characters import differences, drawn_alike, folded, normalised_name

Key = tuple[str, ...]  # an organisation's name; or that and an outlet's


class NearNames:
    """The names that the rows bring, and those in the database that their sender sees (None: all organisations)."""

    def __init__(self, rows: Sequence[FileRow], organisations: frozenset[int] | None) -> None:
        self._existing = set(_names_of(rows, organisations))
        self._first: dict[Key, str] = {}
        for key in sorted(self._existing):
            self._first.setdefault(_folded(key), key[-1])
        for row in rows:
            for key in _keys(row):
                self._first.setdefault(_folded(key), key[-1])

    def marked(self, planned: PlannedRow, row: FileRow) -> PlannedRow:
        """Return a planned row with what its sender should look at: its doubts, and names that are nearly another's."""
        warning = " ".join(each for each in (row.doubt, self._warning(row)) if each)
        return replace(planned, warning=warning) if warning and planned.verdict is not Verdict.WRONG else planned

    def _warning(self, row: FileRow) -> str:
        new = [(key[-1], self._first[_folded(key)]) for key in _keys(row) if key not in self._existing]
        return _question(new)


def warning_about(name: str, existing: Iterable[str]) -> str:
    """Return what a person should look at before a row of this name is created; empty where no name is near, or it is
    there exactly.
    """
    name = normalised_name(name)
    others = set(existing)
    alike = drawn_alike(name)
    near = sorted(each for each in others if drawn_alike(each) == alike) if name not in others else []
    return _question((name, each) for each in near[:1])


def warning_about_organisation(name: str) -> str:
    """Return the warning about a new organisation's name, compared with all that there are."""
    return warning_about(name, Organisation.objects.values_list("name", flat=True))


def warning_about_outlet(organisation: str, name: str) -> str:
    """Return the warning about a new outlet's name, compared with those of its organisation."""
    siblings = Outlet.objects.filter(organisation__name=normalised_name(organisation))
    return warning_about(name, siblings.values_list("name", flat=True))


def _question(pairs: Iterable[tuple[str, str]]) -> str:
    differing = ((name, other) for name, other in pairs if name != other)
    found = [f"“{name}” differs from “{other}” only in {_of_what(name, other)}." for name, other in differing]
    return f"{' '.join(found)} Is it the same?" if found else ""


def _of_what(name: str, other: str) -> str:
    if folded(name) == folded(other):
        return "letter case or accents"
    return f"characters that look alike ({', '.join(differences(name, other))})"


def _keys(row: FileRow) -> list[Key]:
    return [(row.organisation,), (row.organisation, row.outlet)]


def _folded(key: Key) -> Key:
    return *key[:-1], drawn_alike(key[-1])


def _names_of(rows: Sequence[FileRow], organisations: frozenset[int] | None) -> Iterable[Key]:
    parents = Organisation.objects.all() if organisations is None else Organisation.objects.filter(pk__in=organisations)
    yield from parents.values_list("name")
    for part in chunks(sorted({row.organisation for row in rows})):
        yield from Outlet.objects.filter(organisation__name__in=part).values_list("organisation__name", "name")
