"""Split lists of keys into parts for queries."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
CHUNK = 400  # keys in one query, well below SQLite's limit of variables


def chunks(items: Sequence[Item], size: int = CHUNK) -> Iterator[Sequence[Item]]:
    """Yield the items in order, at most `size` in each sequence."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
