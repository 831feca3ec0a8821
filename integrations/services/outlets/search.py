"""Turn search words and time ranges into query conditions that need only small tables and indexes."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Greatest, Least

from integrations.models import AuthAttempt, Credential, Request
from integrations.models.attempt import Outcome
from integrations.security.secret_digests import PUBLIC_LENGTH, SecretKind
from integrations.text.characters import normalised_name

# A transient request gets its key only after it ends. So its key may be higher than the key of a request that was
# received up to STORED_LATE after it.
STORED_LATE = timedelta(minutes=10)
HIGHEST_KEY = 2**63 - 1
DASHES = ("–", "-")
LAST_CHARACTER = "\U0010ffff"
NEWEST_SENT = 1_000  # how many attempts each query of newest_under_another_id() returns
FOUND_MOST = 200  # a search for secrets and wrong IDs finds at most this many outlets
SHORTEST_BEGINNING = 2  # a shorter beginning of a secret (after "ONPS-") would match too many secrets


def beginning_with(field: str, text: str) -> Q:
    """Match rows whose value begins with `text`. The match is case-sensitive, so that the database can use an index."""
    if connection.vendor == "sqlite":
        # LIKE would ignore case and bypass the index. The range is exact, because SQLite compares texts by code point.
        return Q(**{f"{field}__gte": text, f"{field}__lt": text + LAST_CHARACTER})
    return Q(**{f"{field}__startswith": text})


def outlet_with_words(text: str, path: str = "") -> Q:
    """Match outlets that have each word of `text` in a name or an ID.

    To match rows of another model by their outlet, set `path` to the prefix of its lookups, for example "outlet__".

    A dash between words is ignored, because the pages show a dash between the names of an organisation and its outlet.
    """
    names = ("name", "organisation__name", "provider_outlet_id", "integration__pos_remote_id")
    called = Q()
    for word in [each for each in text.split() if each not in DASHES] or text.split():
        # In the typed word, a letter and its accent may be two characters; in stored names, they are one.
        spellings = {word, normalised_name(word)} - {""}
        called &= Q(
            *((f"{path}{name}__icontains", each) for name in names for each in sorted(spellings)), _connector=Q.OR
        )
    return called


def sent_under_another_id(text: str) -> Q:
    """Match attempts of an unknown outlet or with a wrong POSRemoteID, if their POSRemoteID begins with `text`."""
    is_of_another = Q(integration=None) | Q(outcome=Outcome.WRONG_POS_REMOTE_ID) | Q(pos_remote_id_of__isnull=False)
    return is_of_another & beginning_with("pos_remote_id", text)


def newest_under_another_id() -> tuple[QuerySet[Any], QuerySet[Any]]:
    """Return two queries of keys: the newest attempts of unknown outlets, and the newest with a wrong POSRemoteID.

    Each of the two can use an index. For a single query, PostgreSQL would read the whole table.
    """
    keys = AuthAttempt.objects.order_by("-at").values("pk")
    unknown = keys.filter(integration=None)[:NEWEST_SENT]
    return unknown, keys.filter(outcome=Outcome.WRONG_POS_REMOTE_ID)[:NEWEST_SENT]


def outlet_found_by(text: str) -> Q:
    """Match outlets that have each word of `text` in a name or an ID, or a secret that begins with `text`.

    Secrets that were replaced match as well. SHORTEST_BEGINNING characters are enough, with or without "ONPS-" before
    them. An outlet is also found by a wrong POSRemoteID or ProviderOutletID that its till sent recently.

    This function runs one query, and puts the primary keys found by it into the condition. With a subquery instead of
    the keys, the database would read all secrets.
    """
    return outlet_with_words(text) | Q(pk__in=_found_by_secret_or_attempt(text))


def _found_by_secret_or_attempt(text: str) -> list[int]:
    """Return the keys of at most FOUND_MOST outlets whose secret, or a wrong ID sent by the till, begins with `text`.

    Each part of the query reads a bounded number of rows by an index.
    """
    unknown, wrong = newest_under_another_id()
    by_id = _those_of(unknown, beginning_with("provider_outlet_id", text) & Q(pos_remote_id_of__isnull=False))
    by_pairing = _those_of(wrong, beginning_with("pos_remote_id", text))
    by_secret = Credential.objects.filter(pk__in=_secrets_beginning(text)).order_by()
    found = by_id.values_list("pos_remote_id_of__outlet").union(
        by_pairing.values_list("integration__outlet"), by_secret.values_list("integration__outlet")
    )
    return [pk for (pk,) in found.order_by()[:FOUND_MOST]]


def _those_of(keys: QuerySet[Any], condition: Q) -> QuerySet[AuthAttempt]:
    """Return the attempts with these keys that meet the condition.

    The subquery makes PostgreSQL check only these attempts. Without it, PostgreSQL would check all attempts and then
    look for the keys.
    """
    meets = AuthAttempt.objects.filter(condition, pk=OuterRef("pk")).values("pk")[:1]
    return AuthAttempt.objects.filter(pk__in=keys, pk=Subquery(meets)).order_by()


def _secrets_beginning(text: str) -> QuerySet[Any]:
    """Return the primary keys of the secrets that begin with `text`, with or without "ONPS-" before it."""
    beginning = public_part(text.upper()).removeprefix(f"{SecretKind.POS_SECRET}-")
    if len(beginning) < SHORTEST_BEGINNING:
        return Credential.objects.none().values("pk")
    those = Credential.objects.filter(beginning_with("shown", f"{SecretKind.POS_SECRET}-{beginning}"))
    return those.order_by("shown").values("pk")[:FOUND_MOST]


def public_part(text: str) -> str:
    """If `text` is a POS's secret, return its beginning, the only part that is stored. Otherwise return `text`."""
    if not text.upper().startswith(f"{SecretKind.POS_SECRET}-"):
        return text
    return text[: len(SecretKind.POS_SECRET) + 1 + PUBLIC_LENGTH]


def received_within(rows: QuerySet[Request], *, since: datetime | None, until: datetime | None) -> QuerySet[Request]:
    """Limit rows to a primary-key range that contains each request received at or after `since` and before `until`.

    The range may contain other requests too, so the caller must still apply the exact bounds. With a range of keys, the
    database can still read the rows in primary-key order.
    """
    if since is not None:
        before, from_it_on = _keys_around(since - STORED_LATE)
        rows = rows.filter(
            pk__gte=Least(Coalesce(before, _key_value(0)), Coalesce(from_it_on, _key_value(HIGHEST_KEY)))
        )
    if until is not None:
        before, from_it_on = _keys_around(until + STORED_LATE)
        rows = rows.filter(
            pk__lte=Greatest(Coalesce(before, _key_value(0)), Coalesce(from_it_on, _key_value(HIGHEST_KEY)))
        )
    return rows


def _keys_around(moment: datetime) -> tuple[Subquery, Subquery]:
    """Return the keys of the last request received before `moment` and of the first one received at or after it.

    Either key can be the higher one, because keys do not always follow the order of receipt.
    """
    before = Request.objects.filter(received_at__lt=moment).order_by("-received_at")
    from_it_on = Request.objects.filter(received_at__gte=moment).order_by("received_at")
    return Subquery(before.values("pk")[:1]), Subquery(from_it_on.values("pk")[:1])


def _key_value(number: int) -> Value:
    return Value(number, output_field=BigIntegerField())
