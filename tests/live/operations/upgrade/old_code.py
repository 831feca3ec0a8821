# mypy: ignore-errors
# ruff: noqa: I001  (ruff's order of the imports depends on which of these modules the current code still has)
"""Create the installation with the services of commit cd0fc3e. `make_dump.py` runs this in a checkout of that commit.

The imports are those of that commit. Some of the imported names do not exist in the current code.
"""

import json
import secrets
import uuid
from datetime import timedelta
from unittest import mock

import values
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import Group, User

from integrations.clock import shared_now
from integrations.models import Integration
from integrations.services import bulk_jobs, contents, handover_links, requests
from integrations.services.api_keys import create_api_key, rotate_api_key
from integrations.services.audit import Actor
from integrations.services.contents import Content
from integrations.services.enabling import enable_outlet
from integrations.services.groups import OPERATOR
from integrations.services.outlets import create_outlet, get_or_create_organisation
from integrations.services.people import Role, save_person
from integrations.services.secrets import rotate_secret
from integrations.services.webhooks import SUBSCRIBABLE, create_endpoint
from integrations.simulator import DEFAULT_NUMBERS

ACTOR = Actor("shell: upgrade test")
CREATED: dict[str, str] = {}  # values to print at the end, to be copied to values.py


class Choice:
    """Replaces `secrets.choice`: the first 31 calls spell `TEST1` and 26 zeros, the next 31 `TEST2` and zeros, ..."""

    calls = 0

    def __call__(self, _characters):
        number, place = divmod(self.calls, 31)
        self.calls += 1
        return f"TEST{number + 1}"[place] if place < 5 else "0"


@mock.patch.object(secrets, "choice", Choice())
def create_station():
    bella = get_or_create_organisation(values.ORGANISATION, actor=ACTOR)
    station = create_outlet(bella, name=values.STATION, provider_outlet_id=values.STATION_ID, actor=ACTOR)
    older = enable_outlet(station, pos_remote_id=values.STATION_REMOTE, actor=ACTOR)
    integration = Integration.objects.get(outlet=station)
    newer = rotate_secret(integration, overlap="7d", actor=ACTOR)
    CREATED.update(STATION_OLDER_SECRET=older.auth_secret, STATION_SECRET=newer.auth_secret)
    return integration


@mock.patch.object(secrets, "choice", Choice())
def create_harbour():
    bella = get_or_create_organisation(values.ORGANISATION, actor=ACTOR)
    harbour = create_outlet(bella, name=values.HARBOUR, provider_outlet_id=values.HARBOUR_ID, actor=ACTOR)
    handover = enable_outlet(
        harbour, pos_remote_id=values.HARBOUR_REMOTE, adopted_secret=values.HARBOUR_SECRET, actor=ACTOR
    )
    credential = Integration.objects.get(outlet=harbour).current_credential()
    link = handover_links.make_link(credential, handover, hours=72, passphrase=values.PASSPHRASE, actor=ACTOR)
    CREATED.update(LINK=link.token)


@mock.patch.object(secrets, "choice", Choice())
def create_keys():
    key, older = create_api_key("Web shop", actor=ACTOR)
    CREATED.update(API_KEY_OLDER=older, API_KEY=rotate_api_key(key, overlap="7d", actor=ACTOR))
    return key


def create_webhook():
    with mock.patch.object(secrets, "token_bytes", return_value=values.WEBHOOK_BYTES):
        secret = create_endpoint("Web shop", url=values.WEBHOOK_URL, kinds=SUBSCRIBABLE, actor=ACTOR)[1]
    CREATED.update(WEBHOOK_SECRET=secret)


def store_request(integration, api_key):
    now = shared_now()
    content = Content(
        DEFAULT_NUMBERS["GetUserFromPIN"], "kiosk-1", values.USER_IDENTIFIER, f'{{"PIN": "{values.PIN}"}}'
    )
    new = requests.NewRequest(
        uuid=uuid.uuid4(),
        integration_id=integration.pk,
        api_key_id=api_key.pk,
        request_id=values.REQUEST_ID,
        message_type=content.message_type,
        device_id=content.device_id,
        user_identifier=content.user_identifier,
        payload=content.payload,
        content_digest=contents.digest(content),
        received_at=now,
        send_before=now + timedelta(days=1),
        answer_before=now + timedelta(days=1),
        needs_online=False,
        is_here=False,
        is_leaving=False,
    )
    assert isinstance(requests.store([new])[new], requests.Stored)


def create_people():
    anna = User.objects.create_superuser(values.ANNA, password=values.PASSWORD)
    otto = User(username=values.OTTO)
    otto.set_password(values.PASSWORD)
    bella = get_or_create_organisation(values.ORGANISATION, actor=ACTOR)
    save_person(otto, role=Role([Group.objects.get(name=OPERATOR)], [bella]), giver=anna, actor=ACTOR)
    for person, seed in ((anna, values.ANNA_SEED), (otto, values.OTTO_SEED)):
        TOTP.activate(person, seed)
    with mock.patch.object(RecoveryCodes, "generate_seed", return_value=values.OTTO_RECOVERY_SEED):
        CREATED.update(OTTO_RECOVERY_CODE=RecoveryCodes.activate(otto).generate_codes()[0])


def begin_bulk_actions():
    """Check two bulk actions and confirm the first. No worker runs them."""
    actor = Actor(values.ANNA, user=User.objects.get(username=values.ANNA))
    for number in (1, 2):
        row = f"{values.OTHER_ORGANISATION},Outlet {number},Nord-{number}"
        job = bulk_jobs.check_file(
            f"Organisation,Outlet,POSRemoteID\n{row}\n".encode(), name="outlets.csv", actor=actor
        )
        if number == 1:
            bulk_jobs.confirm(job, actor=actor)


get_or_create_organisation(values.OTHER_ORGANISATION, actor=ACTOR)
store_request(create_station(), create_keys())
create_harbour()
create_webhook()
create_people()
begin_bulk_actions()
print(json.dumps(CREATED, indent=4))
