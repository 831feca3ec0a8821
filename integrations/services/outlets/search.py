"""Translate search words and time limits into conditions that use small tables and indexes."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Greatest, Least

from integrations.models import AuthAttempt, Credential, Request
from integrations.models.attempt import Outcome
from integrations.security.secret_digests import PUBLIC_LENGTH, SecretKind

# How much later a request may be stored than one received after it: a transient request is stored when it has ended.
STORED_LATE = timedelta(minutes=10)
HIGHEST_KEY = 2**63 - 1
LAST_CHARACTER = "\U0010ffff"
NEWEST_SENT = 1_000  # attempts of each kind to search for a value that was sent


def beginning_with(field: str, text: str) -> Q:
    """Match rows whose value begins with `text`. Upper and lower case differ, so that the database can use an index."""
    if connection.vendor == "sqlite":
        # LIKE would ignore case and bypass the index. Texts are sorted by code point.
        return Q(**{f"{field}__gte": text, f"{field}__lt": text + LAST_CHARACTER})
    return Q(**{f"{field}__startswith": text})


def outlet_called(text: str, path: str = "") -> Q:
    """Match outlets that have each of these words in a name or an ID. `path` leads to the outlet."""
    names = ("name", "organisation__name", "provider_outlet_id", "integration__pos_remote_id")
    called = Q()
    for word in text.split():
        called &= Q(*((f"{path}{name}__icontains", word) for name in names), _connector=Q.OR)
    return called


def sent_under_another_id(text: str, path: str = "") -> Q:
    """Match attempts that sent a POSRemoteID beginning with `text` which is not that of the attempt's own outlet."""
    is_of_another = Q(**{f"{path}integration": None}) | Q(**{f"{path}outcome": Outcome.WRONG_POS_REMOTE_ID})
    return is_of_another & beginning_with(f"{path}pos_remote_id", text)


def newest_under_another_id() -> tuple[QuerySet[Any], QuerySet[Any]]:
    """Return the primary keys of the newest attempts of unknown outlets, and of those with a wrong POSRemoteID.

    Each is read from an index. They are separate, because PostgreSQL would read the whole table for both together.
    """
    keys = AuthAttempt.objects.order_by("-at").values("pk")
    unknown = keys.filter(integration=None)[:NEWEST_SENT]
    return unknown, keys.filter(outcome=Outcome.WRONG_POS_REMOTE_ID)[:NEWEST_SENT]


def outlet_found_by(text: str) -> Q:
    """Match outlets that have each of these words in a name or an ID, or a secret that begins with the text.

    Secrets that were replaced match as well. The five characters after "ONPS-" are enough. An outlet is also found by
    a wrong POSRemoteID or ProviderOutletID that its till sent lately.
    """
    beginning = public_part(text.upper())
    secrets = Credential.objects.filter(
        beginning_with("shown", beginning) | beginning_with("shown", f"{SecretKind.POS_SECRET}-{beginning}")
    )
    return outlet_called(text) | Q(integration__in=secrets.values("integration")) | _outlet_that_sent(text)


def _outlet_that_sent(text: str) -> Q:
    """Match outlets for whose secret or POSRemoteID a value beginning with `text` was sent in the newest attempts."""
    unknown, wrong = newest_under_another_id()
    by_id = AuthAttempt.objects.filter(pk__in=unknown).filter(beginning_with("provider_outlet_id", text))
    by_pairing = AuthAttempt.objects.filter(pk__in=wrong).filter(beginning_with("pos_remote_id", text))
    return Q(integration__in=by_id.values("pos_remote_id_of")) | Q(integration__in=by_pairing.values("integration"))


def public_part(text: str) -> str:
    """Return the text without the secret part of a POS's secret, if it is one: only its beginning is stored."""
    if not text.upper().startswith(f"{SecretKind.POS_SECRET}-"):
        return text
    return text[: len(SecretKind.POS_SECRET) + 1 + PUBLIC_LENGTH]


def received_within(rows: QuerySet[Request], *, since: datetime | None, until: datetime | None) -> QuerySet[Request]:
    """Exclude requests received before `since`, or at or after `until`, approximately by their keys. No request within
    the bounds is excluded.

    This keeps primary-key order; the caller must still apply the exact bounds.
    """
    if since is not None:
        before, from_it_on = _at_the_turn(since - STORED_LATE)
        rows = rows.filter(pk__gte=Least(Coalesce(before, _key(0)), Coalesce(from_it_on, _key(HIGHEST_KEY))))
    if until is not None:
        before, from_it_on = _at_the_turn(until + STORED_LATE)
        rows = rows.filter(pk__lte=Greatest(Coalesce(before, _key(0)), Coalesce(from_it_on, _key(HIGHEST_KEY))))
    return rows


def _at_the_turn(moment: datetime) -> tuple[Subquery, Subquery]:
    """Return the keys of the last request before a moment and of the first at or after it. Either may be higher."""
    before = Request.objects.filter(received_at__lt=moment).order_by("-received_at")
    from_it_on = Request.objects.filter(received_at__gte=moment).order_by("received_at")
    return Subquery(before.values("pk")[:1]), Subquery(from_it_on.values("pk")[:1])


def _key(number: int) -> Value:
    return Value(number, output_field=BigIntegerField())
