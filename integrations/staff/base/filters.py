"""Filters of the lists: by state, by organisation, by person, by whether a connection is open.

Keyset lists (keyset_lists.py) also call optional methods of a filter. `equal` returns a dict from column names to the
single value that the column must have. `times` returns conditions on the time of a row. `organisation_chosen` returns
the primary key of the organisation that the filter selects, or None. `source` returns a Source of the matching rows if
an index can find them, or None.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

from django.contrib.admin import ChoicesFieldListFilter, ModelAdmin, SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from integrations.models import AuditEvent, Connection, MessageType, Organisation
from integrations.models.clock import shared_now
from integrations.models.connection import is_open
from integrations.models.fields.texts import longest
from integrations.models.outlet_state import OutletState, is_in_state
from integrations.models.request import RequestState
from integrations.services.people import scope
from integrations.text.characters import normalised_name

ORGANISATIONS_LISTED = 20
LONGEST_NAME = longest(AuditEvent, "actor_name")


class PortalFilter(SimpleListFilter):
    """A filter that is not based on a model field. It accepts the values that it offers or that `takes` accepts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.value()
        offered = {None, *(str(each) for each, _ in self.lookup_choices)}
        if chosen not in offered and not self.takes(chosen or ""):
            raise IncorrectLookupParameters

    def takes(self, value: str) -> bool:  # noqa: ARG002
        return False


class OutletStateFilter(PortalFilter):
    """Filters by the outlet's state, in a list of outlets."""

    title = "state"
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return list(OutletState.choices)

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        if chosen not in OutletState.values:
            return queryset
        return queryset.filter(is_in_state(OutletState(chosen), shared_now(), "integration__"))


class OrganisationFilter(PortalFilter):
    """Filters by organisation. If there are many organisations, the filter offers only the chosen one.

    A link from an organisation's page can choose any organisation.
    """

    title = "organisation"
    parameter_name = "organisation"
    field = "organisation"

    def lookups(self, request: HttpRequest, _admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        limit = scope.organisations_of(request.user)
        if limit is not None and len(limit) < 2:
            return []  # all rows that this user may see belong to one organisation
        seen, chosen = scope.limit(Organisation.objects.all(), request.user, "pk"), self._pk()
        first = seen.values("pk")[: ORGANISATIONS_LISTED + 1]
        found = seen.filter(Q(pk__in=first) | Q(pk=chosen)).values_list("pk", "name")
        offered = [(str(pk), name) for pk, name in found]
        return offered if len(offered) <= ORGANISATIONS_LISTED else [each for each in offered if each[0] == str(chosen)]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        pk = self._pk()
        return queryset if pk is None else queryset.filter(**{self.field: pk})

    def takes(self, value: str) -> bool:  # noqa: ARG002
        return self._pk() is not None

    def organisation_chosen(self) -> int | None:
        return self._pk()

    def _pk(self) -> int | None:
        value = self.value() or ""
        return int(value) if value.isascii() and value.isdigit() and len(value) < 18 else None


class OrganisationOfRecordFilter(OrganisationFilter):
    """Filters by organisation, in a list of rows that refer to an integration."""

    field = "integration__outlet__organisation"


class OpenFilter(PortalFilter):
    """Filters by whether a connection is open or has ended."""

    title = "state"
    parameter_name = "open"

    def lookups(self, _request: HttpRequest, _admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("yes", "Open"), ("no", "Ended")]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        if self.value() == "yes":
            return queryset.filter(is_open(shared_now()))
        return queryset.exclude(is_open(shared_now())) if self.value() == "no" else queryset

    def equal(self) -> dict[str, Any]:
        return {"closed_at": None} if self.value() == "yes" else {}


class TypedFilter(PortalFilter):
    """A filter with input fields instead of a list of values; an empty value does not limit the list.

    `inputs` maps the parameters of the URL to the labels of their fields; the first one is `parameter_name`.
    """

    template = "staff/base/typed_filter.html"
    inputs: ClassVar[dict[str, str]]
    input_type: ClassVar[str] = "text"
    longest: ClassVar[int] = 0  # largest number of characters in a field; 0: no limit
    help_text: ClassVar[str] = ""

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: ModelAdmin[Any]) -> None:
        self.typed = {name: params[name][-1] for name in self.inputs if name in params}
        super().__init__(request, params, model, model_admin)
        for name in self.typed:
            params.pop(name, None)
        if not all(map(self.takes, self.typed.values())):
            raise IncorrectLookupParameters

    def lookups(self, _request: HttpRequest, _admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return []

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [*self.inputs]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        others = {name: value for name, value in changelist.params.items() if name not in self.inputs}
        yield {
            "inputs": [(name, label, self.typed.get(name, "")) for name, label in self.inputs.items()],
            "value": self.in_words(),
            "others": others,
            "shortcuts": [
                (words, changelist.get_query_string(values, remove=[*self.inputs]), values == self.typed)
                for words, values in self.shortcuts().items()
            ],
            "selected": any(self.typed.values()),
            "query_string": changelist.get_query_string(remove=[*self.inputs]),
        }

    def in_words(self) -> str:
        """Return the typed values as the page shows them."""
        return " ".join(self.typed.values())

    def shortcuts(self) -> dict[str, dict[str, str]]:
        """Return the values of the inputs that one click selects, by the words of the links."""
        return {}


class NameFilter(TypedFilter):
    """Filters by part of a person's name, or by the whole name if it is in quotation marks."""

    parameter_name = "person"
    inputs: ClassVar[dict[str, str]] = {"person": "Part of the name"}
    longest = LONGEST_NAME + 2
    help_text = "In quotation marks, it is the whole name."

    @staticmethod
    def exactly(name: str) -> str:
        """Return the parameter value with which the filter matches exactly this name."""
        return f'"{name}"'

    def takes(self, value: str) -> bool:
        return len(value) <= self.longest and "\0" not in value

    @property
    def text(self) -> str:
        return normalised_name(self.typed.get("person", ""))

    @property
    def whole_name(self) -> str:
        within = self.text[1:-1]
        return within if within and self.text == self.exactly(within) else ""


class DatesFilter(TypedFilter):
    """Filters by a range of days in the portal's time zone. The first or the last day can be left out."""

    title = "dates"
    parameter_name = "from"
    inputs: ClassVar[dict[str, str]] = {"from": "First day", "to": "Last day"}
    input_type = "date"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        self._field = model_admin.time_field or model_admin.moment
        super().__init__(request, params, model, model_admin)

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**self.times())

    def takes(self, value: str) -> bool:
        return value == "" or _day(value) is not None

    def times(self) -> dict[str, datetime]:
        """Return the lookups for the beginning of the first day and the end of the last one."""
        first, last = self._days()
        found = {}
        if first:
            found[f"{self._field}__gte"] = _midnight(first)
        if last:
            found[f"{self._field}__lt"] = _midnight(last + timedelta(days=1))
        return found

    def in_words(self) -> str:
        first, last = self._days()
        if first == last:
            return str(first)
        return " ".join([*([f"from {first}"] if first else []), *([f"to {last}"] if last else [])])

    def shortcuts(self) -> dict[str, dict[str, str]]:
        today = timezone.localdate()
        first_days = {
            "Today": today,
            "Past 7 days": today - timedelta(days=6),
            "This month": today.replace(day=1),
            "This year": today.replace(month=1, day=1),
        }
        return {words: {"from": str(first)} for words, first in first_days.items()}

    def _days(self) -> tuple[date | None, date | None]:
        """Return the first and the last day, also if they were entered the other way round."""
        first, last = (_day(self.typed.get(name, "")) for name in self.inputs)
        return (last, first) if first and last and last < first else (first, last)


class ActionFilter(ChoicesFieldListFilter):
    """Filters audit events by their verb. Its title is "action", as in the heading of the column."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "action"


class MessageTypeFilter(PortalFilter):
    """Filters by the number of a MessageType. Offers the numbers for which the portal has a name."""

    title = "message type"
    parameter_name = "message_type"

    def lookups(self, _request: HttpRequest, _admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        named = MessageType.objects.filter(number__isnull=False).values_list("number", "name")
        offered = [(str(number), f"{name} ({number})") for number, name in named]
        chosen = _number(self.value())
        if chosen is not None and str(chosen) not in dict(offered):
            offered.append((str(chosen), f"MessageType {chosen}"))
        return offered

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**self.equal())

    def equal(self) -> dict[str, Any]:
        chosen = _number(self.value())
        return {} if chosen is None else {"message_type": chosen}


class ResultCodeFilter(PortalFilter):
    """Filters by the POS's ResultCode. Accepts any code, because each code in the list links to this filter."""

    title = "result code"
    parameter_name = "result_code"
    OTHERS = "not-0"

    def lookups(self, _request: HttpRequest, _admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        offered = [("0", "0 (success)"), (self.OTHERS, "Any other")]
        chosen = _number(self.value())
        return [*offered, (str(chosen), str(chosen))] if chosen else offered

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == self.OTHERS:
            return queryset.exclude(result_code=0).filter(result_code__isnull=False)
        chosen = _number(self.value())
        return queryset if chosen is None else queryset.filter(result_code=chosen)

    def equal(self) -> dict[str, Any]:
        """Return the column values to match.

        They include the state, because the index on result_code contains only refused requests.
        """
        if self.value() == self.OTHERS:
            return {"state": RequestState.REFUSED}
        chosen = _number(self.value())
        if chosen is None:
            return {}
        return {"result_code": chosen, "state": RequestState.REFUSED} if chosen else {"state": RequestState.ANSWERED}


def _number(text: str | None) -> int | None:
    """Return the integer if it fits a 32-bit column, or None."""
    digits = (text or "").removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 11):
        return None
    number = int(text or "")
    return number if -(2**31) <= number < 2**31 else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def _day(text: str) -> date | None:
    """Parse a day such as 2026-11-29. Return None if the text is not a day, or its year is not from 1970 to 9000."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 <= day.year <= 9000 else None
