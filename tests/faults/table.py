"""The table of docs/faults.md, whose limits the tests apply."""

import re

from tests.support.project import PROJECT

DOCUMENT = PROJECT / "docs" / "faults.md"
ROW = re.compile(r"^\| (?P<name>[^|]+?) \| [^|]+ \| [^|]+ \| (?P<seconds>\d+) s \|$", re.MULTILINE)


def rows() -> dict[str, int]:
    """Fault to the seconds in which all is as it was, once the fault is over."""
    return {found["name"]: int(found["seconds"]) for found in ROW.finditer(DOCUMENT.read_text(encoding="utf-8"))}
