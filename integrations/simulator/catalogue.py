"""The fixed set-up of a till: users, service modes with their tables, articles, taxes and adjustments."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class User:
    user_id: str
    name: str
    pin: str
    can_make_payments: bool = True


@dataclass(frozen=True, kw_only=True)
class AutomaticServiceCharge:
    """A percentage that is charged on orders with `from_covers` covers or more, unless the request names a charge."""

    percent: Decimal
    from_covers: int


@dataclass(frozen=True, kw_only=True)
class ServiceMode:
    """A service mode. `prefix` has at most 8 characters. If `tables` is empty, any number is valid, as for bar tabs."""

    service_mode_id: str
    name: str
    prefix: str
    tables: tuple[str, ...] = ()
    service_charge: AutomaticServiceCharge | None = None

    def has_table(self, number: str) -> bool:
        return number != "" and (not self.tables or number in self.tables)


@dataclass(frozen=True, kw_only=True)
class TaxRate:
    """`percent` is 20 for 20 %. An add-on tax is added to the price; any other tax is included in it."""

    name: str
    percent: Decimal
    is_add_on: bool = False


@dataclass(frozen=True, kw_only=True)
class Article:
    """`stock` is the initial number of units, or None if the article is not counted."""

    plu_id: str
    plu_number: str
    name: str
    price: Decimal
    tax: TaxRate | None = None
    stock: int | None = None


@dataclass(frozen=True, kw_only=True)
class Modifier:
    """A modifier such as "large", which changes the till's price of one unit."""

    modifier_id: str
    prefix: str
    name: str
    price_change: Decimal


@dataclass(frozen=True, kw_only=True)
class AutomaticAdjustment:
    """A percentage of the lines' total (negative for a discount), applied if the total is at least `from_amount`."""

    adjustment_id: str
    name: str
    percent: Decimal
    from_amount: Decimal


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    users: tuple[User, ...] = ()
    service_modes: tuple[ServiceMode, ...] = ()
    articles: tuple[Article, ...] = ()
    modifiers: tuple[Modifier, ...] = ()
    automatic_adjustments: tuple[AutomaticAdjustment, ...] = ()
    fallback_adjustment_id: str = "00000000-0000-0000-0000-000000000000"
    currency_code: str = "GBP"

    def find_user_by_pin(self, pin: str) -> User | None:
        return next((user for user in self.users if user.pin == pin), None)

    def find_user(self, identifier: str | None) -> User | None:
        """Return the user with this PIN or ID, because the protocol allows either in UserIdentifier."""
        if not identifier:
            return None
        wanted = identifier.casefold()
        return next((user for user in self.users if wanted in (user.pin, user.user_id.casefold())), None)

    def find_service_mode(self, service_mode_id: str) -> ServiceMode | None:
        return next((mode for mode in self.service_modes if mode.service_mode_id == service_mode_id), None)

    def find_article(self, identifier: str) -> Article | None:
        """Return the article with this PLU GUID or PLU number, because PLUIdentifier may be either."""
        wanted = identifier.casefold()
        return next((each for each in self.articles if wanted in (each.plu_id, each.plu_number.casefold())), None)

    def find_modifier(self, identifier: str) -> Modifier | None:
        """Return the modifier with this GUID or prefix, because SalesModifierIdentifier may be either."""
        wanted = identifier.casefold()
        return next((each for each in self.modifiers if wanted in (each.modifier_id, each.prefix.casefold())), None)

    def knows_adjustment(self, adjustment_id: str) -> bool:
        known = {each.adjustment_id for each in self.automatic_adjustments}
        return adjustment_id in known | {self.fallback_adjustment_id}
