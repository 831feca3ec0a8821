"""A till on disk: read whole at the start, and replaced whole after each change."""

from pathlib import Path

from integrations.simulator.snapshot import Snapshots, WrongTillError, till_from_text
from integrations.simulator.till import Till


def load_till(path: Path) -> Till:
    """A copy of the till as it was last saved: to count its orders, payments and executed RequestIDs.

    May be read while a POS writes it. Raises WrongTillError, and OSError.
    """
    try:
        return till_from_text(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise WrongTillError("This is no saved till: it is not UTF-8 text.") from None


class TillFile:
    """For one writer. `save` and `open` raise OSError; `open` also WrongTillError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.new")
        self._snapshots = Snapshots()

    def open(self, beginning: Till) -> Till:
        """The saved till, or `beginning`, which is saved at once, when there is none."""
        if self._path.exists():
            return load_till(self._path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self.save(beginning)
        return beginning

    def save(self, till: Till) -> None:
        """A reader sees the old text or the new, and a killed process leaves one of them.

        Not forced to the disk: a till must survive its process here, not the machine's power.
        """
        self._beside.write_text(self._snapshots.text(till), encoding="utf-8")
        self._beside.replace(self._path)
