"""What the simulated POS knows: users, tables and their open orders. No clock, no socket, no wire names."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class User:
    user_id: str
    name: str
    pin: str
    can_make_payments: bool = True


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Who has the order open: a terminal's display ID (at most 4 characters) and a user's name."""

    terminal: str
    user_name: str


@dataclass(frozen=True, kw_only=True)
class OpenOrder:
    """Amounts are in the currency's main unit, exact to the cent. A table may hold several open orders."""

    sales_transaction_id: str
    order_number: str
    table: str
    owner_id: str | None
    amount: Decimal
    amount_owing: Decimal
    service_mode_prefix: str = "TBL"
    currency_code: str = "GBP"
    lock: Lock | None = None


class Till:
    def __init__(self, *, users: Iterable[User] = (), orders: Iterable[OpenOrder] = ()) -> None:
        self.users = list(users)
        self.orders = list(orders)

    def find_user_by_pin(self, pin: str) -> User | None:
        return next((user for user in self.users if user.pin == pin), None)

    def find_user(self, identifier: str | None) -> User | None:
        """`identifier` is a PIN or a user's ID: the protocol allows either in UserIdentifier."""
        if not identifier:
            return None
        wanted = identifier.casefold()
        return next((user for user in self.users if wanted in (user.pin, user.user_id.casefold())), None)

    def open_orders(self, *, table: str = "", owner: User | None = None) -> list[OpenOrder]:
        """Empty `table` means all tables, no `owner` all users; a table that does not exist has no orders."""
        return [
            order
            for order in self.orders
            if table in ("", order.table) and (owner is None or order.owner_id == owner.user_id)
        ]


def example_till() -> Till:
    """The users and orders of PowerEPOS' own examples, and a trainee who may not use the interface."""
    return Till(users=[MANAGER, WAITER, TRAINEE], orders=_example_orders())


MANAGER = User(user_id="f9248a0f-ba0c-4c80-b9f2-fe020b456ce4", name="Manager", pin="1234")
WAITER = User(user_id="2a064175-61b7-419a-b96e-93563258f6f3", name="Waiter", pin="5678")
TRAINEE = User(user_id="6f1d1c52-0b0e-4d0b-9a51-6d5d3d9f3b11", name="Trainee", pin="9999", can_make_payments=False)


def _example_orders() -> list[OpenOrder]:
    return [
        _order("1121008e-2769-46e2-918d-65e0291621a1", "S1000001", table="1", owner=MANAGER, amount="5.00"),
        _order("af7c2c30-7434-44f6-aa3c-372f3446749d", "S1000003", table="1", owner=MANAGER, amount="20.00"),
        _order("1b707032-9626-4168-bd5a-d1ca797d4a46", "S1000002", table="2", owner=WAITER, amount="10.00"),
    ]


def _order(transaction: str, number: str, *, table: str, owner: User, amount: str) -> OpenOrder:
    return OpenOrder(
        sales_transaction_id=transaction,
        order_number=number,
        table=table,
        owner_id=owner.user_id,
        amount=Decimal(amount),
        amount_owing=Decimal(amount),
    )
