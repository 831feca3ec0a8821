"""Find values that a file repeats."""

from collections.abc import Iterable

from integrations.services.bulk.file import FileRow
from integrations.text.characters import identity


class RepeatedValues:
    """The values in a file, each with the number of the first row that contains it."""

    def __init__(self, rows: Iterable[FileRow]) -> None:
        self._first: dict[tuple[str, object], int] = {}
        for row in rows:
            for key in self._keys(row):
                self._first.setdefault(key, row.number)

    def fault(self, row: FileRow) -> str:
        """Return the error of a row that repeats a value of an earlier row, or an empty text."""
        for key in self._keys(row):
            first = self._first[key]
            if first != row.number:
                return f"{_NAMES[key[0]]} is already used in row {first}. Each row needs a different one."
        return ""

    def _keys(self, row: FileRow) -> list[tuple[str, object]]:
        keys: list[tuple[str, object]] = [("outlet", (row.organisation, row.outlet))]
        keys += [("pos_remote_id", identity(row.pos_remote_id))] if row.pos_remote_id else []
        keys += [("provider_outlet_id", identity(row.provider_outlet_id))] if row.provider_outlet_id else []
        return [*keys, ("adopted_secret", row.adopted_secret)] if row.adopted_secret else keys


_NAMES = {
    "outlet": "This outlet",
    "pos_remote_id": "This POSRemoteID",
    "provider_outlet_id": "This ProviderOutletID",
    "adopted_secret": "This secret",
}
