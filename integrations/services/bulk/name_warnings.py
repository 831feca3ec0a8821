"""Mark the rows of a file whose names are nearly the same as existing ones (services/outlets/near_names.py)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from integrations.models import Organisation, Outlet
from integrations.services.bulk.file import FileRow
from integrations.services.bulk.plan import PlannedRow, Verdict
from integrations.services.outlets.near_names import did_you_mean
from integrations.services.rows.chunks import chunks
from integrations.text.characters import look_alike_form

Key = tuple[str, ...]  # the name of an organisation, alone or followed by that of an outlet


class NearNames:
    """The names in a file, and the existing names that they are compared with.

    The existing names are those of `organisations` (None means all), and those of outlets in the file's organisations.
    """

    def __init__(self, rows: Sequence[FileRow], organisations: frozenset[int] | None) -> None:
        self._existing = set(_names_of(rows, organisations))
        self._first: dict[Key, str] = {}
        for key in sorted(self._existing):
            self._first.setdefault(_folded(key), key[-1])
        for row in rows:
            for key in _keys(row):
                self._first.setdefault(_folded(key), key[-1])

    def marked(self, planned: PlannedRow, row: FileRow) -> PlannedRow:
        """Return the planned row with warnings: the `doubt` of the file row, and names nearly the same as others."""
        warning = " ".join(each for each in (row.doubt, self._warning(row)) if each)
        return replace(planned, warning=warning) if warning and planned.verdict is not Verdict.WRONG else planned

    def _warning(self, row: FileRow) -> str:
        new = [(key[-1], self._first[_folded(key)]) for key in _keys(row) if key not in self._existing]
        return did_you_mean(new)


def _keys(row: FileRow) -> list[Key]:
    return [(row.organisation,), (row.organisation, row.outlet)]


def _folded(key: Key) -> Key:
    return *key[:-1], look_alike_form(key[-1])


def _names_of(rows: Sequence[FileRow], organisations: frozenset[int] | None) -> Iterable[Key]:
    parents = Organisation.objects.all() if organisations is None else Organisation.objects.filter(pk__in=organisations)
    yield from parents.values_list("name")
    for part in chunks(sorted({row.organisation for row in rows})):
        yield from Outlet.objects.filter(organisation__name__in=part).values_list("organisation__name", "name")
