"""Why a till refuses; each text is one sentence for the ErrorMessage of the answer."""

from integrations.simulator.orders import ChildLine


class TillRefusal(Exception):
    """The till did nothing at all."""


class UnknownServiceMode(TillRefusal):
    pass


class UnknownTable(TillRefusal):
    pass


class UnknownProduct(TillRefusal):
    pass


class UnknownAdjustment(TillRefusal):
    pass


class UnknownOrder(TillRefusal):
    pass


class OrderClosed(TillRefusal):
    pass


class OrderInUse(TillRefusal):
    pass


class WrongAmount(TillRefusal):
    """A sum that does not add up, is below zero, or is more than is owing."""


class InsufficientStock(TillRefusal):
    def __init__(self, lines: tuple[ChildLine, ...]) -> None:
        super().__init__("There is not enough stock for: " + ", ".join(line.name for line in lines))
        self.lines = lines
