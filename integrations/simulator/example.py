"""The till of a small restaurant: the users and orders of PowerEPOS' own examples, and some articles."""

from decimal import Decimal

from integrations.simulator.catalogue import (
    Article,
    AutomaticAdjustment,
    AutomaticServiceCharge,
    Catalogue,
    Modifier,
    ServiceMode,
    TaxRate,
    User,
)
from integrations.simulator.orders import Line, Order
from integrations.simulator.till import Till

MANAGER = User(user_id="f9248a0f-ba0c-4c80-b9f2-fe020b456ce4", name="Manager", pin="1234")
WAITER = User(user_id="2a064175-61b7-419a-b96e-93563258f6f3", name="Waiter", pin="5678")
TRAINEE = User(user_id="6f1d1c52-0b0e-4d0b-9a51-6d5d3d9f3b11", name="Trainee", pin="9999", can_make_payments=False)

VAT = TaxRate(name="VAT", percent=Decimal("20.00"))
ZERO_RATED = TaxRate(name="Zero-rated", percent=Decimal("0.00"))
BAG_LEVY = TaxRate(name="Bag levy", percent=Decimal("10.00"), is_add_on=True)

TABLES = ServiceMode(
    service_mode_id="0b6f1a4e-6c0e-4a5e-8f5b-0d8b6a4f2c01",
    name="Table service",
    prefix="TBL",
    tables=tuple(str(number) for number in range(1, 41)),
    service_charge=AutomaticServiceCharge(percent=Decimal("10.00"), from_covers=8),
)
TABS = ServiceMode(service_mode_id="0b6f1a4e-6c0e-4a5e-8f5b-0d8b6a4f2c02", name="Bar tabs", prefix="TAB")

SOUP = Article(
    plu_id="5d1f0c3a-8f5e-4b7a-9b1d-3f0a2c9e1001", plu_number="101", name="Soup", price=Decimal("5.00"), tax=VAT
)
BURGER = Article(
    plu_id="5d1f0c3a-8f5e-4b7a-9b1d-3f0a2c9e1002", plu_number="102", name="Burger", price=Decimal("12.95"), tax=VAT
)
CHIPS = Article(
    plu_id="5d1f0c3a-8f5e-4b7a-9b1d-3f0a2c9e1003", plu_number="103", name="Chips", price=Decimal("3.45"), tax=VAT
)
OYSTERS = Article(
    plu_id="5d1f0c3a-8f5e-4b7a-9b1d-3f0a2c9e1004",
    plu_number="104",
    name="Oysters",
    price=Decimal("18.50"),
    tax=VAT,
    stock=6,
)
BREAD = Article(
    plu_id="5d1f0c3a-8f5e-4b7a-9b1d-3f0a2c9e1005", plu_number="105", name="Bread", price=Decimal("1.35"), tax=ZERO_RATED
)
BAG = Article(
    plu_id="5d1f0c3a-8f5e-4b7a-9b1d-3f0a2c9e1006", plu_number="106", name="Bag", price=Decimal("0.50"), tax=BAG_LEVY
)
LARGE = Modifier(
    modifier_id="9a7d5b20-3f7c-4f55-8a3b-7d1e5f2a3001", prefix="LGE", name="Large", price_change=Decimal("2.00")
)
FEAST = AutomaticAdjustment(
    adjustment_id="c4a2e6d8-1b3f-4d5c-9e7a-8f6b4d2c5001",
    name="5% off from 100",
    percent=Decimal("-5.00"),
    from_amount=Decimal("100.00"),
)

CATALOGUE = Catalogue(
    users=(MANAGER, WAITER, TRAINEE),
    service_modes=(TABLES, TABS),
    articles=(SOUP, BURGER, CHIPS, OYSTERS, BREAD, BAG),
    modifiers=(LARGE,),
    automatic_adjustments=(FEAST,),
    fallback_adjustment_id="c4a2e6d8-1b3f-4d5c-9e7a-8f6b4d2c5000",
)


def example_till() -> Till:
    return Till(CATALOGUE, orders=_ORDERS)


def _example_order(transaction: str, number: str, *, table: str, owner: User, soups: int) -> Order:
    price = SOUP.price
    line = Line(
        name=SOUP.name,
        quantity=soups,
        price=price,
        total=price * soups,
        plu_identifier=SOUP.plu_number,
        tax=SOUP.tax,
    )
    return Order(
        sales_transaction_id=transaction,
        order_number=number,
        table=table,
        service_mode_id=TABLES.service_mode_id,
        owner_id=owner.user_id,
        owner_name=owner.name,
        lines=(line,),
    )


_ORDERS = (
    _example_order("1121008e-2769-46e2-918d-65e0291621a1", "S1000001", table="1", owner=MANAGER, soups=1),
    _example_order("af7c2c30-7434-44f6-aa3c-372f3446749d", "S1000003", table="1", owner=MANAGER, soups=4),
    _example_order("1b707032-9626-4168-bd5a-d1ca797d4a46", "S1000002", table="2", owner=WAITER, soups=2),
)
