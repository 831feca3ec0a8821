"""The reasons why a till refuses a request. The exception's text, one sentence, becomes the answer's ErrorMessage."""

from integrations.simulator.orders import ChildLine


class TillRefusal(Exception):
    """The till refused the request and changed nothing."""


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
    """An amount is inconsistent, negative, or more than is owed."""


class InsufficientStock(TillRefusal):
    def __init__(self, lines: tuple[ChildLine, ...]) -> None:
        super().__init__("There is not enough stock for: " + ", ".join(line.name for line in lines))
        self.lines = lines
