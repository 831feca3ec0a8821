"""Two organisations with rows of every model, and markers in the texts that some staff must not see."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.utils import timezone

from integrations.models import (
    Alert,
    AlertMember,
    AlertRecipient,
    ApiKey,
    Integration,
    MessageType,
    Organisation,
    Outlet,
    StaffLimit,
    WebhookEndpoint,
)
from integrations.models.attempt import Outcome
from integrations.models.notices.notice import NoticeKind
from integrations.models.request import RequestState
from integrations.services.api_keys import api_keys
from integrations.services.handover.links import create_link_instead
from integrations.services.integration import enabling, pos_secrets
from integrations.services.notices import mailing, outbox, webhooks
from integrations.services.outlets import outlets
from integrations.services.people.groups import VIEWER, ensure_groups
from integrations.services.requests.asking import HARMLESS
from tests.support.factories import ANNA, BELLA, make_organisation, make_outlet
from tests.support.notice_factories import go_online, make_finished_request, make_refusal, make_unrecognised_frame
from tests.support.staff.pages import be_refused

THEIRS = "NORDLICHT"  # a marker in each text of the other organisation's rows
CONTENT = "HIDDENCONTENT"  # a marker in every payload, answer and unrecognised frame


@dataclass
class World:
    """An outlet of Trattoria Bella (`station`), one of the other organisation (`foreign`), and two that moved.

    `came` moved to Trattoria Bella, `left` to the other organisation.
    """

    bella: Organisation
    theirs: Organisation
    station: Integration
    foreign: Integration
    came: Integration
    left: Integration
    key_for_all: ApiKey
    their_key: ApiKey


def make_world() -> World:
    bella, theirs = make_organisation(BELLA), make_organisation(THEIRS)
    keys = [_key(f"{THEIRS} key", theirs), _key(f"{THEIRS} key for all", None), _key("Own key", bella)]
    outlets_of = {"Station": BELLA, f"{THEIRS} outlet": THEIRS, "Came": THEIRS, "Left": BELLA}
    station, foreign, came, left = (_enabled(name, owner) for name, owner in outlets_of.items())
    make_outlet("Free", organisation=BELLA)
    make_outlet(f"{THEIRS} free", organisation=THEIRS)
    endpoints = [_endpoint(f"{THEIRS} hook", theirs), _endpoint(f"{THEIRS} hook for all", None)]
    endpoints.append(_endpoint("Own hook", bella))
    for owner, email in ((theirs, f"{THEIRS}-1"), (None, f"{THEIRS}-2"), (bella, "own")):
        AlertRecipient.objects.create(email=f"{email}@example.com", organisation=owner)
    for integration, key in ((station, keys[1]), (foreign, keys[0]), (came, keys[0]), (left, keys[2])):
        _fill(integration, key, endpoints)
    wrong = {"pos_remote_id": "N", "pos_remote_id_of": foreign}
    be_refused(station, Outcome.WRONG_POS_REMOTE_ID, **wrong)
    be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id=f"{THEIRS}-unknown")
    _alert(None, None)
    for endpoint in endpoints:
        webhooks.send_test(endpoint, actor=ANNA)
    _move(came, bella)
    _move(left, theirs)
    return World(bella, theirs, station, foreign, came, left, keys[1], keys[0])


def make_viewer() -> User:
    """Return a person in the viewers' group, who sees all organisations but no payloads."""
    ensure_groups()
    person = User.objects.create_user("vera", is_staff=True)
    person.groups.add(Group.objects.get(name=VIEWER))
    return person


def make_limited(*organisations: Organisation) -> User:
    """Return a person with every permission, limited to these organisations.

    Also creates a colleague with access to the other organisations only.
    """
    person = User.objects.create_user("mira", is_staff=True)
    person.user_permissions.set(Permission.objects.all())
    StaffLimit.objects.create(user=person).organisations.set(organisations)
    colleague = User.objects.create_user(f"{THEIRS} person", email=f"{THEIRS}@example.com", is_staff=True)
    others = Organisation.objects.exclude(pk__in=[each.pk for each in organisations])
    StaffLimit.objects.create(user=colleague).organisations.set(others)
    return person


def _key(name: str, organisation: Organisation | None) -> ApiKey:
    key, _ = api_keys.create_api_key(name, organisation=organisation, actor=ANNA)
    return key


def _endpoint(name: str, organisation: Organisation | None) -> WebhookEndpoint:
    host = name.replace(" ", "-").lower()
    endpoint, _ = webhooks.create_endpoint(
        name, url=f"https://{host}.example.com/", kinds=webhooks.SUBSCRIBABLE, organisation=organisation, actor=ANNA
    )
    return endpoint


def _enabled(name: str, organisation: str) -> Integration:
    outlet = make_outlet(name, organisation=organisation, provider_outlet_id=f"{name}-id")
    enabling.enable_outlet(outlet, pos_remote_id=f"{name}-remote", adopted_secret=None, actor=ANNA)
    return Integration.objects.select_related("outlet__organisation").get(outlet=outlet)


def _fill(integration: Integration, key: ApiKey, endpoints: list[WebhookEndpoint]) -> None:
    """Create one row of each kind for an outlet."""

    def rotate() -> Any:
        return pos_secrets.rotate_secret(integration, overlap="0", actor=ANNA)

    create_link_instead(rotate, hours=1, actor=ANNA)
    now = timezone.now()
    content: dict[str, Any] = {"payload": f'{{"Note":"{CONTENT}"}}', "answer": f'{{"Note":"{CONTENT}"}}'}
    make_finished_request(integration, api_key=key, **content)
    refusal: dict[str, Any] = {"state": RequestState.REFUSED, "result_code": 4, "error_message": CONTENT}
    make_finished_request(integration, message_type=_harmless(), api_key=None, **content, **refusal)
    go_online(integration, now)
    make_refusal(integration)
    frame = make_unrecognised_frame(integration)
    type(frame).objects.filter(pk=frame.pk).update(excerpt=f'{{"Note":"{CONTENT}"}}')
    _alert(integration.outlet.organisation, integration)
    notice = outbox.of_integration(integration, kind=NoticeKind.OUTLET_ONLINE, subject=integration.pk, at=now, data={})
    outbox.store_events([notice], endpoints, now=now)


def _harmless() -> int:
    """Return the number of the message type that an outlet's checklist sends as its test request."""
    MessageType.objects.filter(name=HARMLESS, number=None).update(number=9)
    return MessageType.objects.get(name=HARMLESS).number or 0


def _alert(organisation: Organisation | None, integration: Integration | None) -> None:
    now: datetime = timezone.now()
    alert = Alert.objects.create(kind="offline", organisation=organisation, since=now, notify_at=now, notified_at=now)
    label = str(integration) if integration else f"{THEIRS} and all others"
    AlertMember.objects.create(alert=alert, key=uuid.uuid4().hex, integration=integration, label=label, since=now)
    mailing.write(organisation.pk if organisation else None, subject="Alert", body="-", alert=alert)


def _move(integration: Integration, organisation: Organisation) -> None:
    outlet = Outlet.objects.get(pk=integration.outlet_id)
    outlet.organisation = organisation
    outlets.save_outlet(outlet, actor=ANNA)
