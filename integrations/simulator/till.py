"""The till: creates, changes and simulates orders, and takes payments.

It uses no clock, socket or file, and none of the names in the protocol.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import uuid4

from integrations.simulator import pricing
from integrations.simulator.catalogue import Catalogue, ServiceMode, User
from integrations.simulator.memory import Memory
from integrations.simulator.money import MONEY_LIMIT, ZERO
from integrations.simulator.orders import Adjustment, Line, Order, Payment
from integrations.simulator.stock import Stock
from integrations.simulator.till_refusals import (
    OrderClosed,
    OrderInUse,
    UnknownOrder,
    UnknownServiceMode,
    UnknownTable,
    WrongAmount,
)

NO_TRANSACTION = "00000000-0000-0000-0000-000000000000"
FIRST_ORDER_NUMBER = 1_000_001


@dataclass(frozen=True, kw_only=True)
class NewOrder:
    """A requested order, whose lines are not yet priced and whose payments are not yet booked.

    If `service_charge` is None, the till computes the charge.
    """

    service_mode_id: str
    table: str
    provider_order_id: str | None = None
    is_training: bool = False
    lines: tuple[Line, ...] = ()
    payments: tuple[Payment, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    notes: tuple[dict[str, object], ...] = ()
    service_charge: Decimal | None = None
    use_provider_prices: bool = False
    covers: int = 0
    apply_automatic_adjustments: bool = False

    @property
    def has_provider_prices(self) -> bool:
        """Whether the provider's prices apply. They always do if the order has payments (SEEN)."""
        return self.use_provider_prices or bool(self.payments)


@dataclass(frozen=True, kw_only=True)
class Addition:
    """A requested change of an order: the lines, adjustments and notes are added to those of the order.

    `covers` and `service_charge` replace the order's values, unless they are None.
    """

    sales_transaction_id: str
    provider_order_id: str | None = None
    lines: tuple[Line, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    notes: tuple[dict[str, object], ...] = ()
    service_charge: Decimal | None = None
    use_provider_prices: bool = False
    covers: int | None = None


class Till:
    """A till. A method that raises a TillRefusal has changed nothing.

    The till's `memory` is saved with the till, but read and filled by desk.py. `new_id` returns a new GUID.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        orders: Iterable[Order] = (),
        stock: dict[str, int] | None = None,
        memory: Memory | None = None,
        new_id: Callable[[], str] = lambda: str(uuid4()),
    ) -> None:
        self.catalogue = catalogue
        self.stock = Stock(catalogue, stock)
        self.memory = memory or Memory()
        self._new_id = new_id
        self._orders = {order.sales_transaction_id: order for order in orders}
        self._next_number = _number_after(self._orders.values())

    @property
    def orders(self) -> list[Order]:
        """All orders of the till, including closed orders and training orders, oldest first."""
        return list(self._orders.values())

    @property
    def payments(self) -> list[Payment]:
        return [payment for order in self._orders.values() for payment in order.payments]

    @property
    def executed(self) -> list[str]:
        """The RequestIDs of the latest 10,000 executions and refusals, oldest first."""
        return list(self.memory.executed)

    def open_orders(self, *, table: str = "", owner: User | None = None) -> list[Order]:
        """Return the open orders at `table` (empty: at any table) that belong to `owner` (None: to any user)."""
        return [
            order
            for order in self._orders.values()
            if not order.is_closed and table in ("", order.table) and (owner is None or order.owner_id == owner.user_id)
        ]

    def create_order(self, user: User, new: NewOrder) -> Order:
        order = self._composed(user, new, transaction=self._new_id(), number=f"S{self._next_number}")
        if not new.is_training:
            self.stock.take(order.lines)
        self._next_number += 1
        return self._kept(order)

    def simulate_order(self, user: User, new: NewOrder) -> Order:
        """Return the order that `create_order` would create, with the empty GUID as its ID, or raise the same error."""
        order = self._composed(user, new, transaction=NO_TRANSACTION, number="")
        self.stock.check(order.lines)
        return order

    def update_order(self, addition: Addition) -> Order:
        order = self._order_to_change(addition.sales_transaction_id)
        lines = self._priced(addition.lines, provider_prices=addition.use_provider_prices)
        changed = replace(
            order,
            provider_order_id=order.provider_order_id or addition.provider_order_id,
            lines=order.lines + lines,
            adjustments=order.adjustments + pricing.known(self.catalogue, addition.adjustments),
            notes=order.notes + addition.notes,
            covers=order.covers if addition.covers is None else addition.covers,
        )
        charged = self._charged(changed, addition.service_charge)
        if not order.is_training:
            self.stock.take(lines)
        return self._kept(charged)

    def create_payment(self, sales_transaction_id: str, payment: Payment) -> tuple[Order, Payment]:
        order = self._booked(self._order_to_change(sales_transaction_id), payment)
        return self._kept(order), order.payments[-1]

    def _composed(self, user: User, new: NewOrder, *, transaction: str, number: str) -> Order:
        mode = self._service_mode(new)
        order = Order(
            sales_transaction_id=transaction,
            order_number=number,
            table=new.table,
            service_mode_id=mode.service_mode_id,
            service_mode_prefix=mode.prefix,
            provider_order_id=new.provider_order_id,
            currency_code=self.catalogue.currency_code,
            owner_id=user.user_id,
            owner_name=user.name,
            covers=new.covers,
            is_training=new.is_training,
            lines=self._priced(new.lines, provider_prices=new.has_provider_prices),
            notes=new.notes,
        )
        order = self._charged(replace(order, adjustments=self._adjustments(new, order)), new.service_charge)
        for payment in new.payments:
            order = self._booked(order, payment)
        return order

    def _adjustments(self, new: NewOrder, order: Order) -> tuple[Adjustment, ...]:
        asked_for = pricing.known(self.catalogue, new.adjustments)
        if not new.apply_automatic_adjustments:
            return asked_for
        return asked_for + pricing.automatic_adjustments(self.catalogue, order.lines_amount)

    def _priced(self, lines: Iterable[Line], *, provider_prices: bool) -> tuple[Line, ...]:
        return pricing.priced(self.catalogue, lines, provider_prices=provider_prices)

    def _service_mode(self, new: NewOrder) -> ServiceMode:
        mode = self.catalogue.find_service_mode(new.service_mode_id)
        if mode is None:
            raise UnknownServiceMode(f"No service mode was found for {new.service_mode_id}.")
        if not mode.has_table(new.table):
            raise UnknownTable(f"{mode.name} has no number {new.table!a}.")
        return mode

    def _order_to_change(self, sales_transaction_id: str) -> Order:
        order = self._orders.get(sales_transaction_id)
        if order is None:
            raise UnknownOrder(f"No order was found for {sales_transaction_id}.")
        if order.is_closed:
            raise OrderClosed(f"Order {order.order_number} is closed.")
        if order.lock is not None:
            raise OrderInUse(f"Order {order.order_number} is in use on terminal {order.lock.terminal}.")
        return order

    def _charged(self, order: Order, explicit: Decimal | None) -> Order:
        """Return the order with its service charge.

        This is `explicit` if given, otherwise an explicit charge from an earlier request, otherwise the automatic one.
        """
        if order.amount >= MONEY_LIMIT or order.sale_owing < 0:
            raise WrongAmount(f"The order's amount would be {order.amount}, which is not possible.")
        if explicit is not None:
            return self._charged_exactly(order, explicit)
        if order.has_explicit_service_charge:
            return order
        charge = pricing.automatic_service_charge(self.catalogue, order)
        return replace(order, service_charge=max(charge, order.paid_service_charge))

    def _charged_exactly(self, order: Order, charge: Decimal) -> Order:
        if charge < order.paid_service_charge:
            raise WrongAmount(f"Of the service charge {order.paid_service_charge} is already paid.")
        return replace(order, service_charge=charge, has_explicit_service_charge=True)

    def _booked(self, order: Order, payment: Payment) -> Order:
        """Return the order with a booked payment.

        If the payment's `service_charge` is None, the amount beyond `sale_owing` pays the service charge (INFERRED).
        """
        sale, charge = payment.amount_sale, payment.service_charge
        if charge is None:
            sale = min(payment.amount_sale, order.sale_owing)
            charge = payment.amount_sale - sale
        if sale > order.sale_owing or charge > order.remaining_service_charge:
            raise WrongAmount(f"The payment is more than the {order.amount_owing} that is owing.")
        booked = replace(payment, payment_id=self._new_id(), amount_sale=sale, service_charge=charge)
        paid = replace(order, payments=(*order.payments, booked))
        return replace(paid, is_closed=paid.amount_owing == ZERO)

    def _kept(self, order: Order) -> Order:
        self._orders[order.sales_transaction_id] = order
        return order


def _number_after(orders: Iterable[Order]) -> int:
    numbers = [int(order.order_number[1:]) for order in orders if order.order_number[1:].isdecimal()]
    return max(numbers, default=FIRST_ORDER_NUMBER - 1) + 1
