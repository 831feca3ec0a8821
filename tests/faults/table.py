"""The table of docs/faults.md, whose limits the tests apply."""

import re

from tests.support.project import PROJECT

DOCUMENT = PROJECT / "docs" / "faults.md"
ROW = re.compile(r"^\| (?P<name>[^|]+?) \| [^|]+ \| [^|]+ \| (?P<seconds>\d+) s \|$", re.MULTILINE)


def rows() -> dict[str, int]:
    """Return the documented limit of each fault: seconds from its end until the portal works normally."""
    return {found["name"]: int(found["seconds"]) for found in ROW.finditer(DOCUMENT.read_text(encoding="utf-8"))}
