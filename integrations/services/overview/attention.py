"""What needs attention now: refused outlets, alerts, failing webhooks, unopened links, and unused secrets.

Takes two queries, however many rows there are. Only the newest few of each kind are shown. Runs in a database thread.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import BigIntegerField, CharField, DateTimeField, Exists, F, Model, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Coalesce, Concat

from integrations.models import Alert, AuthAttempt, Credential, HandoverLink, Integration, Presence, WebhookEndpoint
from integrations.models.attempt import REFUSALS, Outcome, PosEndpoint
from integrations.models.clock import shared_now
from integrations.models.handover_link import LinkState, is_in_link_state
from integrations.services.integration import waits
from integrations.services.integration.attempt_advice import is_of_unknown_id
from integrations.services.integration.check_evidence import SECOND_TILL, decision_columns, is_invalidated
from integrations.services.integration.check_steps import cause_of
from integrations.services.overview.fleet_state import HOUR, Organisations, within
from integrations.text.characters import identity

SHOWN = 5  # rows of each kind
INSPECTED = 200  # at most this many refusals of the last hour are read, the newest first


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
    first, according to the newest attempt. If no outlet is known, `integration` is None. `is_wait_over` says whether a
    block that refused the attempt has ended.
    """

    integration: Integration | None
    attempt: AuthAttempt
    cause: Outcome
    count: int
    is_wait_over: bool

    @property
    def reason(self) -> str:
        """Return the cause in words."""
        is_missing = self.cause == Outcome.UNKNOWN_OUTLET and not self.attempt.provider_outlet_id
        return "No ProviderOutletID" if is_missing else self.cause.label


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

    Unknown outlets come last, because a scanner can invent many of them. One query reads the newest INSPECTED refusals;
    older ones are not counted.
    """
    rows = AuthAttempt.objects.annotate(meant=Coalesce("integration", "pos_remote_id_of")).filter(_is_refused(now))
    rows = within(rows, organisations, "integration__outlet__organisation")
    rows = rows.select_related("integration__outlet__organisation", "pos_remote_id_of__outlet__organisation")
    rows = rows.annotate(**decision_columns(OuterRef("meant")))
    groups: dict[int | tuple[str, str], list[AuthAttempt]] = {}
    for attempt in rows.order_by("-at")[:INSPECTED]:
        groups.setdefault(_group_of(attempt), []).append(attempt)
    found = [each for group in groups.values() if (each := _refused_outlet(group, now))]
    return sorted(found, key=lambda each: each.integration is None)[: SHOWN + 1]


def read_pending(organisations: Organisations, concerns: Collection[Concern]) -> list[Pending]:
    """Return the newest rows of these kinds and organisations (None: all), with one query."""
    parts = [_SOURCES[concern](organisations) for concern in Concern if concern in concerns]
    if not parts:
        return []
    # Build one flat union, because Django 6.1 sorts a union inside another one.
    found = parts[0].union(*parts[1:], all=True).order_by()
    rows = [Pending(**{**row, "concern": Concern(row["concern"])}) for row in found]
    return sorted(rows, key=lambda row: row.begun_at, reverse=True)


def _is_refused(now: datetime) -> Q:
    """Match the last hour's refusals whose cause is not known to be corrected. `meant` is a column of the query."""
    others = [outcome for outcome in REFUSALS if outcome != Outcome.SECOND_TILL]
    own, at = OuterRef("meant"), OuterRef("at")
    opened = Presence.objects.filter(integration=own, connection__opened_at__gt=at)
    of_second_till = Q(outcome=Outcome.SECOND_TILL, at__gt=now - SECOND_TILL)
    unsettled = (Q(outcome__in=others) & ~Q(Exists(opened))) | of_second_till
    return Q(at__gt=now - HOUR) & unsettled & ~is_invalidated(own, at)


def _group_of(attempt: AuthAttempt) -> int | tuple[str, str]:
    """Return the key of the integration that an attempt is about; for an unknown outlet, the ID that identifies it.

    This ID is the ProviderOutletID or, without it, the POSRemoteID. Attempts without both are one group.
    """
    meant = attempt.integration_id or attempt.pos_remote_id_of_id
    sent = identity(attempt.provider_outlet_id)
    return meant or (sent, "" if sent else identity(attempt.pos_remote_id))


def _refused_outlet(group: Sequence[AuthAttempt], now: datetime) -> RefusedOutlet | None:
    """Return the refused outlet of these attempts; None if its POS was accepted after them.

    The attempts must be sorted with the newest first.
    """
    last = _last_unsettled(group)
    if last is None:
        return None
    meant = last.integration or last.pos_remote_id_of
    is_over = meant is not None and last.outcome == Outcome.THROTTLED and waits.is_over(last, meant, now)
    return RefusedOutlet(meant, last, _cause(last, meant), len(group), is_over)


def _last_unsettled(group: Sequence[AuthAttempt]) -> AuthAttempt | None:
    """Return the attempt that the outlet's check page reports, or None if the POS was accepted after these attempts."""
    last, decided = group[0], vars(group[0])
    is_accepted = decided["decided_as"] == Outcome.ACCEPTED
    second_till = next((each for each in group if each.outcome == Outcome.SECOND_TILL), None)
    if is_accepted and decided["decided_at"] > last.at:
        # If two tills share credentials, an acceptance of one does not end the refusals of the other.
        return second_till
    if last.endpoint == PosEndpoint.AUTH:
        return last
    # A POS whose authentication is refused has no token, so its websocket is refused as well. Report the refused
    # authentication, because it is the cause.
    own = (each for each in group if each.integration_id and each.endpoint == PosEndpoint.AUTH)
    return (None if is_accepted else next(own, None)) or second_till or last


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
