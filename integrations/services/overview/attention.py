"""What needs attention now: refused outlets, alerts, failing webhooks, unopened links, and unused secrets.

Takes three queries, however many rows there are. Only the newest few of each kind are shown. Runs in a database thread.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import (
    BigIntegerField,
    Case,
    CharField,
    Count,
    DateTimeField,
    Exists,
    F,
    Max,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Concat

from integrations.models import Alert, AuthAttempt, Credential, HandoverLink, Integration, Presence, WebhookEndpoint
from integrations.models.attempt import REFUSALS, Outcome, PosEndpoint
from integrations.models.clock import shared_now
from integrations.models.handover_link import LinkState, is_in_link_state
from integrations.services.integration import waits
from integrations.services.integration.attempt_advice import is_of_unknown_id
from integrations.services.integration.check_evidence import (
    IS_UNDER_ANOTHER_ID,
    SECOND_TILL,
    is_invalidated,
    unblocked_column,
)
from integrations.services.integration.check_steps import cause_of, is_of_two_outlets
from integrations.services.integration.pairings import OWNER_NAMED, explain
from integrations.services.overview.fleet_state import HOUR, Organisations, within
from integrations.text.characters import identity

SHOWN = 5  # rows of each kind
ATTEMPTS = 20_000  # at most this many of the newest attempts are read; a flood can leave more in an hour
SENDERS = 50  # at most this many senders of each kind are read, those with the latest refusal first


class Concern(StrEnum):
    """A kind of row that needs attention."""

    ALERT = "alert"
    WEBHOOK = "webhook"
    LINK = "link"
    UNUSED = "unused"


@dataclass(frozen=True)
class RefusedOutlet:
    """An outlet that was refused `count` times in the last hour, and has not connected since.

    No later change of the outlet, such as a rotation, may have corrected the cause. `cause` is what must be corrected
    first, according to the newest attempt, and `reason` says it in words. If no outlet is known, `integration` is None.
    `is_wait_over` says whether a block that refused the attempt has ended.
    """

    integration: Integration | None
    attempt: AuthAttempt
    cause: Outcome
    reason: str
    count: int
    is_wait_over: bool


@dataclass(frozen=True)
class Pending:
    """An open alert, a failing webhook, an unopened link, or a secret that was never used.

    `key` is its primary key, and `subject` names its organisation, endpoint or outlet; None stands for the whole
    portal. `about` is the alert's kind or the beginning of the secret.
    """

    concern: Concern
    key: int
    of_integration: int | None
    subject: str | None
    about: str
    begun_at: datetime
    ends_at: datetime | None


def read_refused(organisations: Organisations, now: datetime) -> list[RefusedOutlet]:
    """Return the most recently refused outlets of these organisations (None: all), the latest refusal first.

    Up to SHOWN + 1 known outlets come first, and then up to SHOWN + 1 unknown ones. Takes two queries. The first one
    finds the latest refusal of each sender, because many refusals of one sender must not hide the others.
    """
    senders = _read_senders(organisations, now)
    rows = AuthAttempt.objects.select_related("integration__outlet__organisation", OWNER_NAMED)
    attempts = rows.annotate(unblocked_as=unblocked_column()).in_bulk({each.attempt for each in senders})
    explain(attempts.values(), organisations)
    groups: dict[int | tuple[str, str], list[_Sender]] = {}
    for sender in sorted(senders, key=lambda each: attempts[each.attempt].at, reverse=True):
        groups.setdefault(sender.meant or _id_sent(attempts[sender.attempt]), []).append(sender)
    found = [_refused_outlet(group, attempts, now) for group in groups.values()]
    known = [each for each in found if each.integration]
    unknown = [each for each in found if not each.integration]
    return [*known[: SHOWN + 1], *unknown[: SHOWN + 1]]


def read_pending(organisations: Organisations, concerns: Collection[Concern]) -> list[Pending]:
    """Return the newest rows of these kinds and organisations (None: all), with one query."""
    parts = [_SOURCES[concern](organisations) for concern in Concern if concern in concerns]
    if not parts:
        return []
    # Build one flat union, because Django 6.1 sorts a union inside another one.
    found = parts[0].union(*parts[1:], all=True).order_by()
    rows = [Pending(**{**row, "concern": Concern(row["concern"])}) for row in found]
    return sorted(rows, key=lambda row: row.begun_at, reverse=True)


@dataclass(frozen=True)
class _Sender:
    """The latest of `count` similar refusals, by its primary key, and the integration that they are about, if known."""

    meant: int | None
    attempt: int
    count: int


def _read_senders(organisations: Organisations, now: datetime) -> list[_Sender]:
    """Return the senders that were refused in the last hour, and whose cause is not known to be corrected."""
    others = [outcome for outcome in REFUSALS if outcome != Outcome.SECOND_TILL]
    of_second_till = Q(outcome=Outcome.SECOND_TILL, at__gt=now - SECOND_TILL)
    newest = AuthAttempt.objects.order_by("-at").values("at")
    since = Coalesce(Subquery(newest[ATTEMPTS : ATTEMPTS + 1]), Value(now - HOUR))
    is_recent = Q(at__gt=now - HOUR, at__gte=since)
    rows = AuthAttempt.objects.filter(is_recent & (Q(outcome__in=others) | of_second_till)).order_by()
    rows = within(rows, organisations, "integration__outlet__organisation").annotate(kind=_KIND)
    others_id = within(rows.filter(IS_UNDER_ANOTHER_ID), organisations, "pos_remote_id_of__outlet__organisation")
    unknown = rows.filter(integration=None, pos_remote_id_of=None)
    parts = (
        _latest(rows.filter(integration__isnull=False), "integration", "kind", meant="integration"),
        _latest(others_id, "pos_remote_id_of", meant="pos_remote_id_of"),
        _latest(unknown, "provider_outlet_id", "pos_remote_id"),
    )
    found = parts[0].union(*parts[1:], all=True).order_by()
    return [_Sender(meant=meant, attempt=attempt, count=count) for meant, attempt, count in found]


# The attempts of a second till are apart, because they say nothing about the other attempts of an outlet.
_KIND = Case(When(outcome=Outcome.SECOND_TILL, then=F("outcome")), default=F("endpoint"))


def _latest(rows: QuerySet[AuthAttempt], *same: str, meant: str = "") -> QuerySet[Any, Any]:
    """Return the columns of _Sender for the latest row of each sender. A sender's rows agree in the columns `same`.

    The latest row is the last that was stored. Processes store their attempts about once a second. `meant` leads to the
    integration that the rows are about, if there is one.
    """
    senders: QuerySet[Any, Any] = rows.values(*same).annotate(latest=Max("pk"), count=Count("pk"))
    latest = AuthAttempt.objects.filter(~_is_settled(meant) if meant else Q(), pk__in=senders.values("latest"))
    newest = latest.order_by("-at").values("pk")[:SENDERS]
    of = F(meant) if meant else Cast(Value(None), BigIntegerField())
    return senders.filter(latest__in=newest).values_list(of, "latest", "count")


def _is_settled(meant: str) -> Q:
    """Match refusals after which the POS was accepted or the cause may have been corrected.

    `meant` leads to the integration. If two tills share credentials, the acceptance of one does not end the refusals of
    the other.
    """
    own, at = OuterRef(meant), OuterRef("at")
    accepted = AuthAttempt.objects.filter(integration=own, outcome=Outcome.ACCEPTED, at__gt=at)
    opened = Presence.objects.filter(integration=own, connection__opened_at__gt=at)
    is_accepted = Q(Exists(accepted)) | Q(Exists(opened))
    return (is_accepted & ~Q(outcome=Outcome.SECOND_TILL)) | is_invalidated(own, at)


def _id_sent(attempt: AuthAttempt) -> tuple[str, str]:
    """Return the ID that identifies an unknown outlet: the ProviderOutletID or, without it, the POSRemoteID.

    Attempts without both are one group.
    """
    sent = identity(attempt.provider_outlet_id)
    return sent, "" if sent else identity(attempt.pos_remote_id)


def _refused_outlet(group: Sequence[_Sender], attempts: Mapping[int, AuthAttempt], now: datetime) -> RefusedOutlet:
    """Return the refused outlet of these senders, which must be sorted with the latest refusal first."""
    last = _last([attempts[each.attempt] for each in group], group[0].meant)
    own, meant = last.integration, last.integration if last.integration_id == group[0].meant else last.pos_remote_id_of
    cause = _cause(last, meant)
    is_over = own is not None and last.outcome == Outcome.THROTTLED and waits.is_over(last, own, now)
    count = sum(each.count for each in group)
    return RefusedOutlet(meant, last, cause, _reason(last, meant, cause), count, is_over)


def _last(group: Sequence[AuthAttempt], meant: int | None) -> AuthAttempt:
    """Return the attempt that the check page of the integration `meant` reports. The latest attempt must come first."""
    last = group[0]
    if last.endpoint == PosEndpoint.AUTH:
        return last
    # A POS whose authentication is refused has no token, so its websocket is refused as well. Report the refused
    # authentication, because it is the cause.
    own = next((each for each in group if each.integration_id == meant and each.endpoint == PosEndpoint.AUTH), None)
    return own or next((each for each in group if each.outcome == Outcome.SECOND_TILL), last)


def _reason(last: AuthAttempt, meant: Integration | None, cause: Outcome) -> str:
    """Return the cause in words."""
    is_others = meant is not None and last.integration_id not in (None, meant.pk)
    if cause != Outcome.DISABLED and (is_others or is_of_two_outlets(last, cause)):
        return "ProviderOutletID and POSRemoteID of different outlets"
    is_missing = cause == Outcome.UNKNOWN_OUTLET and not last.provider_outlet_id
    return "No ProviderOutletID" if is_missing else cause.label


def _cause(last: AuthAttempt, meant: Integration | None) -> Outcome:
    """Return what must be corrected first. The outlet's check page and the attempt's page name the same cause."""
    if meant and not meant.is_enabled:
        return Outcome.DISABLED
    cause = cause_of(last, vars(last)["unblocked_as"] if last.integration_id else None)
    return Outcome.UNKNOWN_OUTLET if is_of_unknown_id(last, cause) else cause


def _alerts(organisations: Organisations) -> QuerySet[Any]:
    rows = within(Alert.objects.filter(ended_at=None, notified_at__isnull=False), organisations, "organisation")
    return _values(rows, Concern.ALERT, subject="organisation__name", about="kind", begun_at="since")


def _webhooks(organisations: Organisations) -> QuerySet[Any]:
    rows = within(WebhookEndpoint.objects.filter(failing_since__isnull=False), organisations, "organisation")
    return _values(rows, Concern.WEBHOOK, subject="name", about="name", begun_at="failing_since")


def _links(organisations: Organisations) -> QuerySet[Any]:
    rows = within(
        HandoverLink.objects.filter(is_in_link_state(LinkState.LIVE, shared_now())),
        organisations,
        "integration__outlet__organisation",
    )
    return _values(rows, Concern.LINK, about="credential__shown", begun_at="created_at", ends_at="expires_at")


def _secrets(organisations: Organisations) -> QuerySet[Any]:
    unused = Credential.objects.filter(is_current=True, last_used_at=None, integration__is_enabled=True)
    rows = within(unused, organisations, "integration__outlet__organisation")
    return _values(rows, Concern.UNUSED, about="shown", begun_at="created_at")


def _values(
    rows: QuerySet[Any], concern: Concern, *, about: str, begun_at: str, subject: str = "", ends_at: str = ""
) -> QuerySet[Any]:
    """Return the newest rows of one concern, with the columns of Pending, for a union with the other concerns."""
    newest = rows.order_by(f"-{begun_at}").values("pk")[: SHOWN + 1]
    outlet = Concat(
        "integration__outlet__organisation__name", Value(" – "), "integration__outlet__name", output_field=CharField()
    )
    columns: dict[str, Any] = {
        "concern": Value(concern.value, output_field=CharField()),
        "key": Cast("pk", BigIntegerField()),
        "of_integration": Cast(Value(None) if subject else F("integration"), BigIntegerField()),
        "subject": F(subject) if subject else outlet,
        "about": F(about),
        "begun_at": F(begun_at),
        "ends_at": F(ends_at) if ends_at else Cast(Value(None), DateTimeField()),
    }
    model: type[Model] = rows.model
    return QuerySet(model).order_by().filter(pk__in=newest).values(**columns)


_SOURCES: dict[Concern, Callable[[Organisations], QuerySet[Any]]] = {
    Concern.ALERT: _alerts,
    Concern.WEBHOOK: _webhooks,
    Concern.LINK: _links,
    Concern.UNUSED: _secrets,
}
