"""Notify staff once when a condition begins and once when it ends. Runs in a database thread.

`alert_conditions` finds the conditions. Each becomes a member of an alert. Conditions of one kind and organisation that
begin within ALERT_GROUP_SECONDS share one alert, and so one message.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from integrations.models import Alert, AlertMember, Notice, NoticeCursor
from integrations.models.clock import shared_now
from integrations.models.notices.alert import AlertKind
from integrations.models.notices.notice import NoticeKind
from integrations.services.notices import alert_conditions, mailing, outbox, presences
from integrations.services.notices.alert_conditions import Found
from integrations.text.moments import iso

CURSOR = "alerts"
STEP = 400
# Seconds for which an organisation's conditions are collected, so a chain that loses its uplink causes one message.
ALERT_GROUP_SECONDS = 60
NAMED = 50  # a message names at most this many members, and only counts the others
CALM = 0.5  # a burst of refusals ends when their number falls below half of the alert threshold


def update() -> None:
    """Check all conditions once: begin and end alerts, and send the messages that are due."""
    now = shared_now()
    cursor = _seen(now)
    _end_members(AlertKind.OFFLINE, _online_again(now), now)
    _add_members(AlertKind.OFFLINE, alert_conditions.overdue(cursor, now), now)
    _compare(AlertKind.REFUSALS, alert_conditions.refused(now), alert_conditions.refused(now, factor=CALM), now)
    expiring = alert_conditions.expiring(now)
    _compare(AlertKind.EXPIRY, expiring, expiring, now)
    send_due_messages(now)


def send_due_messages(now: datetime) -> None:
    """Send a message for each alert that has collected its members, and for each alert that is over."""
    open_member = Exists(AlertMember.objects.filter(alert=OuterRef("pk"), ended_at=None))
    Alert.objects.filter(~open_member, notified_at=None).delete()  # these ended before any message was sent
    for alert in Alert.objects.filter(notified_at=None, notify_at__lte=now).select_related("organisation"):
        _notify_begin(alert, now)
    for alert in Alert.objects.filter(~open_member, notified_at__isnull=False, ended_at=None):
        _notify_end(alert, now)


def _seen(now: datetime) -> NoticeCursor:
    begin = {"begun_at": now, "at": now, "mark": now, "polled_at": now}
    cursor, _ = NoticeCursor.objects.get_or_create(name=CURSOR, defaults=begin)
    presences.note_poll(cursor, now)
    return cursor


def _online_again(now: datetime) -> list[str]:
    rows = AlertMember.objects.filter(alert__kind=AlertKind.OFFLINE, ended_at=None)
    keys = dict(rows.values_list("integration_id", "key"))
    ids = [pk for pk in keys if pk is not None]
    well = [alert_conditions.back_online(ids[start : start + STEP], now) for start in range(0, len(ids), STEP)]
    return [keys[pk] for each in well for pk in each]


def _compare(kind: AlertKind, begins: Sequence[Found], holds: Sequence[Found], now: datetime) -> None:
    """Add the conditions of `begins` that are new, and end the known conditions that are not in `holds`."""
    known = set(AlertMember.objects.filter(alert__kind=kind, ended_at=None).values_list("key", flat=True))
    _end_members(kind, known - {each.key for each in holds}, now)
    _add_members(kind, [each for each in begins if each.key not in known], now)


@transaction.atomic
def _add_members(kind: AlertKind, found: Sequence[Found], now: datetime) -> None:
    gathering = {pk: _gathering(kind, pk, now) for pk in {each.organisation_id for each in found}}
    members = [_member(gathering[each.organisation_id], each) for each in found]
    AlertMember.objects.bulk_create(members, batch_size=STEP, ignore_conflicts=True)


def _gathering(kind: AlertKind, organisation_id: int | None, now: datetime) -> Alert:
    """Return the alert that collects new members of this kind and organisation; create it if there is none."""
    found = Alert.objects.filter(kind=kind, organisation=organisation_id, notified_at=None).first()
    notify_at = now + timedelta(seconds=ALERT_GROUP_SECONDS)
    return found or Alert.objects.create(kind=kind, organisation_id=organisation_id, since=now, notify_at=notify_at)


def _end_members(kind: AlertKind, keys: Iterable[str], now: datetime) -> None:
    ended = list(keys)
    for start in range(0, len(ended), STEP):
        some = AlertMember.objects.filter(alert__kind=kind, ended_at=None, key__in=ended[start : start + STEP])
        some.update(ended_at=now)


def _member(alert: Alert, found: Found) -> AlertMember:
    return AlertMember(
        alert=alert,
        key=found.key,
        integration_id=found.integration_id,
        label=found.label,
        detail=found.detail[:300],
        since=found.since,
    )


@transaction.atomic
def _notify_begin(alert: Alert, now: datetime) -> None:
    members = list(alert.members.filter(ended_at=None))
    alert.notified_at = now
    alert.since = min(member.since for member in members)
    alert.save()
    subject = f"Alert: {_headline(alert, members)}"
    mailing.write(alert.organisation_id, subject=subject, body=_body(alert, members), alert=alert)
    _notice(alert, NoticeKind.ALERT_BEGAN, members, now)


@transaction.atomic
def _notify_end(alert: Alert, now: datetime) -> None:
    members = list(alert.members.all())
    alert.ended_at = now
    alert.save()
    subject = f"Ended: {_headline(alert, members)}"
    mailing.write(alert.organisation_id, subject=subject, body=_body(alert, members), alert=alert)
    _notice(alert, NoticeKind.ALERT_ENDED, members, now)


def _headline(alert: Alert, members: Sequence[AlertMember]) -> str:
    whose = alert.organisation.name if alert.organisation else "the portal"
    is_one = len(members) == 1
    who = members[0].label if is_one else f"{len(members)} outlets of {whose}"
    be = ("was" if is_one else "were") if alert.ended_at else ("is" if is_one else "are")
    match alert.kind:
        case AlertKind.OFFLINE:
            return f"{who} {be} offline"
        case AlertKind.REFUSALS:
            return f"many refused authentications ({who})"
        case _ if is_one:
            return f"credentials about to expire ({who})"
        case _:
            of = f" of {alert.organisation.name}" if alert.organisation else ""
            return f"{len(members)} credentials{of} {be} about to expire"


def _body(alert: Alert, members: Sequence[AlertMember]) -> str:
    lines = [_member_line(member) for member in members[:NAMED]]
    if len(members) > NAMED:
        lines.append(f"... and {len(members) - NAMED} more.")
    next_message = "This alert has ended." if alert.ended_at else "You will get another message when this alert ends."
    return "\n".join([*lines, "", next_message, mailing.link("alert", alert)])


def _member_line(member: AlertMember) -> str:
    since = f"{timezone.localtime(member.since):%d %B %Y, %H:%M %Z}"
    until = f" until {timezone.localtime(member.ended_at):%d %B %Y, %H:%M %Z}" if member.ended_at else ""
    detail = f": {member.detail}" if member.detail else ""
    return f"- {member.label}, since {since}{until}{detail}"


def _notice(alert: Alert, kind: NoticeKind, members: Sequence[AlertMember], now: datetime) -> None:
    organisation = alert.organisation
    data = {
        "alert": alert.pk,
        "what": alert.kind,
        "organisation": {"id": organisation.pk, "name": organisation.name} if organisation else None,
        "since": iso(alert.since),
        "ended_at": iso(alert.ended_at) if alert.ended_at else None,
        "count": len(members),
        "subjects": [{"name": each.label, "since": iso(each.since)} for each in members[:NAMED]],
    }
    notice = Notice(kind=kind, subject=alert.pk, at=now, organisation=organisation, data=data)
    outbox.store_events([notice], outbox.subscribers(), now=now)
