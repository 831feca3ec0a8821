"""A demo portal for the screenshots: invented customers, with outlets in every state."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from tests.live.callers import records
from tests.live.callers.backend import NUMBERS, Backend, pos_of, soup
from tests.live.callers.browser import first_login
from tests.live.callers.clients import authenticate, connect, token_for
from tests.live.stack.servers import Credentials, Stack
from tests.live.stack.waiting import eventually
from tests.support.constants import (
    ALERT_GROUP_SECONDS,
    ALERT_START_GRACE,
    NOTICE_INTERVAL,
    OUTLET_GRACE,
    with_constants,
)
from tests.support.servers.receiver import receiver

HOUR, DAY = 3600, 86_400
ENVIRONMENT = {
    **with_constants({NOTICE_INTERVAL: 0.2, OUTLET_GRACE: 1, ALERT_START_GRACE: 0, ALERT_GROUP_SECONDS: 1}),
    "WEBHOOK_ALLOW_PRIVATE": "true",
    "EMAIL_URL": "dummymail://",
    "OIDC_NAME": "Bella ID",
    "OIDC_SERVER_URL": "https://id.example.com",
    "OIDC_CLIENT_ID": "portal",
    "OIDC_CLIENT_SECRET": "nobody-is-there-to-ask-for-it",
}


@dataclass(frozen=True)
class Places:
    """The primary keys of the integrations to show, and of one outlet without an integration (`fresh`)."""

    online: int = 0
    offline: int = 0
    refused: int = 0
    weak: int = 0
    overlapping: int = 0
    disabled: int = 0
    rotated: int = 0
    fresh: int = 0


@dataclass(frozen=True)
class Demo:
    """A stack with the demo data: outlets in every state, and their history."""

    stack: Stack
    login: tuple[str, str]
    places: Places


@contextmanager
def demo_of(stack: Stack) -> Iterator[Demo]:
    """Create the demo data through the portal's commands and endpoints, then set some of its times back."""
    login = first_login(stack)
    names = ("Old Town", "Harbour", "Station", "Airport", "Castle Hill", "Market Square")
    town, harbour, station, airport, castle, market = (enable(stack, name) for name in names)
    with ExitStack() as stage:
        stage.enter_context(webhooks(stack))
        seed_offline(stack, harbour)
        seed_never_seen(stack, station)
        stack.rotate_secret(airport, overlap="24h")
        stack.manage("disable_outlet", castle.provider_outlet_id, "--reason", "The till is being replaced")
        weak = enable(stack, "Riverside", secret="sharedS3cr3t!")
        fresh = seed_fresh(stack)
        move_into_the_past(stack)
        for each in (town, airport, market, weak):
            stage.enter_context(pos_of(each)).wait_for_connections()
        eventually(lambda: online_count(stack) == 4, what="four outlets are online")
        seed_requests(stack, town, harbour)
        seed_people(stack)
        seed_samples(stack)
        move_online_into_the_past(stack)
        eventually(lambda: count(stack, "alert WHERE told_at IS NOT NULL"), what="staff are alerted")
        at = partial(records.integration_id, stack)
        places = Places(
            online=at(town), offline=at(harbour), refused=at(station), weak=at(weak), overlapping=at(airport),
            disabled=at(castle), rotated=at(market), fresh=fresh,
        )  # fmt: skip
        yield Demo(stack, login, places)


@contextmanager
def webhooks(stack: Stack) -> Iterator[None]:
    """Create a webhook endpoint that accepts its messages, and one that fails."""
    with receiver() as good, receiver(status=503) as bad:
        for name, url in (("Order backend", good.url), ("Data warehouse", bad.url)):
            stack.manage_json("create_webhook", name, url)
        eventually(lambda: stack.rows("SELECT name FROM integrations_noticecursor WHERE name != 'alerts'"))
        yield


def enable(stack: Stack, name: str, *, secret: str = "") -> Credentials:
    values = (
        "--organisation",
        "Trattoria Bella",
        "--outlet",
        name,
        "--pos-remote-id",
        f"Bella-{name.replace(' ', '-')}",
    )
    adopt = ("--adopt-secret-stdin",) if secret else ()
    answer = stack.manage_json("enable_outlet", *values, *adopt, stdin=secret)
    assert isinstance(answer, dict)
    return Credentials.from_json(answer)


def seed_offline(stack: Stack, outlet: Credentials) -> None:
    with connect(stack, token_for(stack, outlet)) as pos:
        pos.send("Hello, is anybody there?")
        pos.send('{"MessageType": "SomethingNew", "PIN": "1234"}')
        assert pos.is_open()
    eventually(lambda: not stack.outlet_row(outlet)["Online"] and stack.outlet_row(outlet)["Since"])


def seed_requests(stack: Stack, online: Credentials, offline: Credentials) -> None:
    """Create requests in three states: answered, refused by the POS, and waiting for an offline POS."""
    run(
        stack,
        f"""
from integrations.models import MessageType
for name, number in {dict(NUMBERS)}.items():
    MessageType.objects.filter(name=name, number=None).update(number=number)
""",
    )
    backend = Backend.of(stack)
    for method, payload in (("GetOpenOrders", {}), ("CreateOrder", soup(table="4")), ("CreateOrder", soup(table="99"))):
        backend.ask(online, method, payload)
    backend.ask(offline, "CreateOrder", soup(), durable=True, timeout=1, expires_in=86_400)


def seed_people(stack: Stack) -> None:
    """Create one person in each group; Anna has second factors and a linked OpenID Connect identity."""
    run(
        stack,
        """
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, User
from integrations.models import AlertRecipient
for name, group in (("anna", "operator"), ("ben", "viewer"), ("security", "administrator")):
    user = User.objects.create_user(name, f"{name}@example.com", is_staff=True)
    user.groups.add(Group.objects.get(name__iexact=group))
anna = User.objects.get(username="anna")
totp.TOTP.activate(anna, totp.generate_totp_secret())
RecoveryCodes.activate(anna)
claims = {"email": anna.email, "email_verified": True}
SocialAccount.objects.create(user=anna, provider="oidc", uid="00u7k2p", extra_data={"userinfo": claims})
AlertRecipient.objects.create(email="operations@example.com")
""",
    )


def seed_samples(stack: Stack) -> None:
    """Create the fleet samples of one day: one POS is online from 01:00 to 08:00 UTC, and four at other times."""
    run(
        stack,
        """
from datetime import timedelta
from django.utils import timezone
from integrations.models import FleetSample, Organisation
bella = Organisation.objects.get(name="Trattoria Bella")
end = timezone.now() - timedelta(minutes=1)
for number in range(288):
    at = end - timedelta(minutes=5 * number)
    is_night = 1 <= at.hour < 8
    ended = 0 if is_night else 3 + (at.hour * number) % 17
    FleetSample.objects.create(at=at, organisation=bella, online=1 if is_night else 4, enabled=6, answered=ended)
""",
    )


def seed_never_seen(stack: Stack, outlet: Credentials) -> None:
    authenticate(stack, outlet, POSRemoteID="Bella-Harbour")
    authenticate(stack, outlet, AuthSecret="a-wrong-secret")
    authenticate(stack, outlet, AuthSecret=outlet.auth_secret[:-1] + ("0" if outlet.auth_secret[-1] != "0" else "1"))
    eventually(lambda: stack.rows("SELECT count(*) FROM integrations_authattempt WHERE outcome = 'wrong_secret'")[0][0])


def seed_fresh(stack: Stack) -> int:
    printed = run(
        stack,
        """
from tests.support.factories import make_outlet
make_outlet("North Gate", organisation="Trattoria Bella")
print(make_outlet("Rooftop bar", organisation="The Copper Kettle & Sons").pk)
""",
    )
    return int(printed.split()[-1])


def move_into_the_past(stack: Stack) -> None:
    """Move stored times into the past, so pages show more than "just now". Call this while no POS is connected."""
    run(
        stack,
        f"""
from datetime import timedelta
from django.db.models import F, QuerySet
from integrations.models import *
past = timedelta(days=2, hours=5)
Connection.objects.update(opened_at=F("opened_at") - past, closed_at=F("closed_at") - timedelta(hours=3))
Presence.objects.exclude(since=None).update(since=F("since") - timedelta(hours=3))
AuthAttempt.objects.update(at=F("at") - timedelta(seconds={HOUR} / 4))
Credential.objects.update(created_at=F("created_at") - timedelta(seconds={DAY} * 9))
Integration.objects.update(changed_at=F("changed_at") - timedelta(seconds={DAY} * 9))
QuerySet(AuditEvent).update(at=F("at") - timedelta(seconds={DAY} * 9))  # its own manager forbids updates
""",
    )


def move_online_into_the_past(stack: Stack) -> None:
    """Move the start of each open connection into the past; the server keeps the new times until the socket closes."""
    run(
        stack,
        """
from datetime import timedelta
from django.db.models import F
from integrations.models import Connection, Presence
for number, presence in enumerate(Presence.objects.filter(is_online=True), start=1):
    span = timedelta(minutes=37 * number * number)
    Presence.objects.filter(pk=presence.pk).update(since=F("since") - span)
    Connection.objects.filter(pk=presence.connection_id).update(opened_at=F("opened_at") - span)
""",
    )


def online_count(stack: Stack) -> int:
    return count(stack, "presence WHERE is_online")


def count(stack: Stack, rows: str) -> int:
    ((found,),) = stack.rows(f"SELECT count(*) FROM integrations_{rows}")  # noqa: S608
    return int(str(found))


def run(stack: Stack, code: str) -> str:
    """Run Python in the portal's shell, and return its output."""
    done = stack.manage("shell", "--command", code)
    assert done.returncode == 0, done.stderr
    return done.stdout
