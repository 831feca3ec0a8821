"""Counts the remaining units of articles. Does no I/O."""

from collections.abc import Iterable, Iterator

from integrations.simulator.catalogue import Catalogue
from integrations.simulator.orders import ChildLine, Line
from integrations.simulator.till_refusals import InsufficientStock


class Stock:
    """The stock. `left` maps a PLU's GUID to its remaining units. A PLU without an entry has the catalogue's stock."""

    def __init__(self, catalogue: Catalogue, left: dict[str, int] | None = None) -> None:
        self._catalogue = catalogue
        self.left = dict(left or {})

    def take(self, lines: Iterable[Line]) -> None:
        """Take the stock of all lines, or raise InsufficientStock and take nothing."""
        self.left = self._left_after(lines)

    def check(self, lines: Iterable[Line]) -> None:
        """Raise InsufficientStock as `take` would, but take nothing."""
        self._left_after(lines)

    def _left_after(self, lines: Iterable[Line]) -> dict[str, int]:
        left = dict(self.left)
        lacking = [line for line in _all_lines(lines) if not self._take_line(left, line)]
        if lacking:
            raise InsufficientStock(tuple(lacking))
        return left

    def _take_line(self, left: dict[str, int], line: ChildLine) -> bool:
        article = self._catalogue.find_article(line.plu_identifier or "")
        if article is None or article.stock is None:
            return True
        rest = left.get(article.plu_id, article.stock) - line.quantity
        if rest < 0:
            return False
        left[article.plu_id] = rest
        return True


def _all_lines(lines: Iterable[Line]) -> Iterator[ChildLine]:
    for line in lines:
        yield line
        yield from line.children
