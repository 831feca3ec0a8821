"""What a word that somebody searches for stands for, in the small tables and in indexes; and times as keys."""

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import BigIntegerField, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from integrations.models import Request

# By how much a request may be stored later than one that came after it: one that is not durable is, when it has ended.
STORED_LATE = timedelta(minutes=10)
HIGHEST_KEY = 2**63 - 1
LAST_CHARACTER = "\U0010ffff"


def beginning_with(field: str, text: str) -> Q:
    """Those whose value begins so, letter for letter, as an index of it finds them."""
    if connection.vendor == "sqlite":
        # LIKE would ignore case, and so the index; texts are sorted by their code points.
        return Q(**{f"{field}__gte": text, f"{field}__lt": text + LAST_CHARACTER})
    return Q(**{f"{field}__startswith": text})


def outlet_called(text: str, path: str = "") -> Q:
    """Outlets with each of these words in a name of theirs, or in an ID; `path` leads to the outlet."""
    names = ("name", "organisation__name", "provider_outlet_id", "integration__pos_remote_id")
    called = Q()
    for word in text.split():
        called &= Q(*((f"{path}{name}__icontains", word) for name in names), _connector=Q.OR)
    return called


def received_within(rows: QuerySet[Request], *, since: datetime | None, until: datetime | None) -> QuerySet[Request]:
    """Leave out requests that came before `since`, or from `until` on: nearly, by their keys, and never too many.

    So the rows are still had in the order of the key. The exact limit is for the caller to ask besides.
    """
    if since is not None:
        last = Request.objects.filter(received_at__lt=since - STORED_LATE).order_by("-received_at")
        rows = rows.filter(pk__gt=Coalesce(Subquery(last.values("pk")[:1]), _key(0)))
    if until is not None:
        first = Request.objects.filter(received_at__gte=until + STORED_LATE).order_by("received_at")
        rows = rows.filter(pk__lt=Coalesce(Subquery(first.values("pk")[:1]), _key(HIGHEST_KEY)))
    return rows


def _key(number: int) -> Value:
    return Value(number, output_field=BigIntegerField())
