"""An order with its lines, adjustments and payments. Amounts are in the currency's main unit, exact to the cent."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from integrations.simulator.catalogue import TaxRate
from integrations.simulator.money import ZERO
from integrations.simulator.taxes import Tax, taxes_of


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A locked order is in use by a user at a terminal. `terminal` is a display ID of at most 4 characters."""

    terminal: str
    user_name: str


@dataclass(frozen=True, kw_only=True)
class Adjustment:
    """`amount` is added with its sign: a negative amount is a discount, a positive one a surcharge. INFERRED."""

    name: str
    amount: Decimal
    provider_adjustment_id: str | None = None
    adjustment_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChildLine:
    """A line, or a child of one. `quantity` is the total, not the number for each unit of the parent (INFERRED)."""

    product_type: int = 0
    name: str
    quantity: int = 1
    price: Decimal = ZERO
    total: Decimal = ZERO
    provider_product_id: str | None = None
    plu_identifier: str | None = None
    modifier_identifier: str | None = None
    modifier_name: str | None = None
    tax: TaxRate | None = None


@dataclass(frozen=True, kw_only=True)
class Line(ChildLine):
    children: tuple[ChildLine, ...] = ()
    adjustment: Adjustment | None = None

    @property
    def own_amount(self) -> Decimal:
        """The line's total plus its adjustment, without the child lines."""
        return self.total + (self.adjustment.amount if self.adjustment else ZERO)


@dataclass(frozen=True, kw_only=True)
class Payment:
    """A payment. If `service_charge` is None, `amount_sale` may include the service charge.

    The till separates the two amounts when it books the payment.
    """

    name: str
    amount_sale: Decimal
    service_charge: Decimal | None = None
    amount_tip: Decimal | None = None
    amount_surcharge: Decimal | None = None
    provider_payment_id: str | None = None
    merchant_id: str | None = None
    terminal_id: str | None = None
    payment_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order. A table can have several open ones. Orders are immutable, so each change creates a new Order."""

    sales_transaction_id: str
    order_number: str
    table: str
    service_mode_id: str
    service_mode_prefix: str = "TBL"
    provider_order_id: str | None = None
    currency_code: str = "GBP"
    owner_id: str | None = None
    owner_name: str | None = None
    covers: int = 0
    is_training: bool = False
    is_closed: bool = False
    lines: tuple[Line, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    notes: tuple[dict[str, object], ...] = ()
    payments: tuple[Payment, ...] = ()
    service_charge: Decimal = ZERO
    has_explicit_service_charge: bool = False
    lock: Lock | None = None

    @cached_property
    def taxes(self) -> tuple[Tax, ...]:
        return taxes_of(list(_taxed_amounts(self.lines)), adjustment=self.adjustment)

    @cached_property
    def amount(self) -> Decimal:
        """The sum of lines, adjustments and add-on taxes, without payments and service charge."""
        on_top = sum((tax.amount for tax in self.taxes if tax.is_add_on), ZERO)
        return self.lines_amount + self.adjustment + on_top

    @property
    def lines_amount(self) -> Decimal:
        return sum((amount for _rate, amount in _taxed_amounts(self.lines)), ZERO)

    @property
    def adjustment(self) -> Decimal:
        return sum((each.amount for each in self.adjustments), ZERO)

    @property
    def sale_owing(self) -> Decimal:
        return self.amount - sum((payment.amount_sale for payment in self.payments), ZERO)

    @property
    def paid_service_charge(self) -> Decimal:
        return sum((payment.service_charge or ZERO for payment in self.payments), ZERO)

    @property
    def remaining_service_charge(self) -> Decimal:
        return self.service_charge - self.paid_service_charge

    @property
    def amount_owing(self) -> Decimal:
        return self.sale_owing + self.remaining_service_charge


def _taxed_amounts(lines: tuple[Line, ...]) -> Iterator[tuple[TaxRate | None, Decimal]]:
    for line in lines:
        yield line.tax, line.own_amount
        yield from ((child.tax, child.total) for child in line.children)
