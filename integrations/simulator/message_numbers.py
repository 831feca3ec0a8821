"""Maps the numbers in MessageType to methods."""

from collections.abc import Iterable, Mapping

GET_USER_FROM_PIN = "GetUserFromPIN"
GET_OPEN_ORDERS = "GetOpenOrders"
CREATE_ORDER = "CreateOrder"
SIMULATE_ORDER = "SimulateOrder"
CREATE_PAYMENT = "CreatePayment"
UPDATE_ORDER = "UpdateOrder"

_DOCUMENTED = {GET_USER_FROM_PIN: 0, GET_OPEN_ORDERS: 1, UPDATE_ORDER: 12}
# PowerEPOS documents only the names of these methods. The numbers are invented. Override them when PowerEPOS documents
# the real numbers.
_OURS = {CREATE_ORDER: 10, SIMULATE_ORDER: 11, CREATE_PAYMENT: 13}
DEFAULT_NUMBERS: Mapping[str, int] = _DOCUMENTED | _OURS


class WrongNumbersError(ValueError):
    """A method is unknown, a number is invalid, or two methods have the same number."""


def names_by_number(overrides: Mapping[str, int] | None = None) -> dict[int, str]:
    """Return the names of the methods by number. Raises WrongNumbersError."""
    numbers = dict(DEFAULT_NUMBERS) | dict(overrides or {})
    unknown = numbers.keys() - DEFAULT_NUMBERS.keys()
    if unknown:
        raise WrongNumbersError(f"There is no method {min(unknown)}. The methods are {', '.join(DEFAULT_NUMBERS)}.")
    names = {number: name for name, number in numbers.items()}
    if len(names) < len(numbers):
        raise WrongNumbersError("Two methods have the same message number.")
    return names


def numbers_from_texts(texts: Iterable[str]) -> dict[str, int]:
    """Parse texts such as `CreateOrder=10`. Raises WrongNumbersError."""
    pairs = [text.partition("=") for text in texts]
    if not all(number.isascii() and number.isdecimal() for _name, _, number in pairs):
        raise WrongNumbersError("Write a message number as in CreateOrder=10.")
    return {name: int(number) for name, _, number in pairs}
