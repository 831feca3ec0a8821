"""Stores a till in a file, which is read once at the start and replaced after each change."""

from pathlib import Path

from integrations.simulator.snapshot import Snapshots, WrongTillError, till_from_text
from integrations.simulator.till import Till


def load_till(path: Path) -> Till:
    """Return a copy of the last saved till, for example to count its orders, payments and executed RequestIDs.

    A POS may write the file at the same time. Raises WrongTillError and OSError.
    """
    try:
        return till_from_text(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise WrongTillError("This is not a saved till: it is not UTF-8 text.") from None


class TillFile:
    """The file of a till. Only one process may write it.

    `save` and `open` raise OSError; `open` also raises WrongTillError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.new")
        self._snapshots = Snapshots()

    def open(self, beginning: Till) -> Till:
        """Return the saved till; if there is none, save `beginning` and return it."""
        if self._path.exists():
            return load_till(self._path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self.save(beginning)
        return beginning

    def save(self, till: Till) -> None:
        """Replace the file atomically. If this process is killed, the file has either the old text or the new one.

        The text is not synced to disk. The saved till must survive a crash of this process, but not a power failure.
        """
        self._beside.write_text(self._snapshots.text(till), encoding="utf-8")
        self._beside.replace(self._path)
