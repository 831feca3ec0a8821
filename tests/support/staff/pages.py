"""The staff pages, for tests: their URLs, their visible text, and connections and attempts to show on them."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import AuthAttempt, Connection, Integration, Outlet, Presence
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.models.connection import CloseReason
from tests.support.factories import make_process

SECRET = re.compile(r"ONPS(?:-[0-9A-Z]{5}){7}")
LISTS = ("organisation", "outlet", "connection", "authattempt", "unrecognisedframe", "auditevent")
MaxQueries = Callable[..., Any]


def client_of(*rights: str) -> Client:
    """Return a client signed in as a new staff user with only these permissions."""
    user = User.objects.create_user(f"user-{User.objects.count()}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights, content_type__app_label="integrations"))
    assert user.user_permissions.count() == len(rights)
    client = Client()
    client.force_login(user)
    return client


def list_url(name: str) -> str:
    return reverse(f"admin:integrations_{name}_changelist")


def outlet_url(outlet: Outlet) -> str:
    return reverse("admin:integrations_outlet_change", args=(outlet.pk,))


def enable_url(outlet: Outlet) -> str:
    return reverse("admin:integrations_outlet_enable", args=(outlet.pk,))


def edit_url(outlet: Outlet) -> str:
    return reverse("admin:integrations_outlet_edit", args=(outlet.pk,))


def page_url(integration: Integration) -> str:
    """Return the URL of the outlet's page, which shows the integration."""
    return reverse("admin:integrations_outlet_change", args=(integration.outlet_id,))


def act_url(integration: Integration, act: str) -> str:
    return reverse(f"admin:integrations_integration_{act}", args=(integration.pk,))


def text(response: Any) -> str:
    """Return the visible text of a page: without tags, with each run of white space as one space."""
    without_tags = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", without_tags).replace("\xa0", " ").replace("&nbsp;", " ").replace("&#x27;", "'")


def shown_secret(response: Any) -> str:
    (secret,) = set(SECRET.findall(response.content.decode()))
    return str(secret)


def rotate(staff: Client, integration: Integration, *, overlap: str = "0") -> HttpResponse:
    seen = integration.current_credential().pk
    return staff.post(act_url(integration, "rotate"), {"overlap": overlap, "seen": seen})  # type: ignore[return-value]


def be_seen(integration: Integration, *, heartbeat_at: datetime, closed: bool = False) -> Connection:
    """Create a connection of the integration's POS, as the recorder writes it."""
    now = timezone.now()
    connection = Connection.objects.create(
        integration=integration,
        credential=integration.current_credential(),
        generation=1,
        process=make_process(heartbeat_at=heartbeat_at),
        opened_at=now - timedelta(hours=2),
        closed_at=now - timedelta(hours=1) if closed else None,
        close_reason=CloseReason.BY_POS if closed else "",
        close_code=1000 if closed else None,
        address="198.51.100.7",
        user_agent="PowerEPOS/8.1",
    )
    Presence.objects.filter(pk=integration.pk).update(
        is_online=not closed,
        since=connection.closed_at or connection.opened_at,
        last_seen_at=connection.closed_at or connection.opened_at,
        connection=connection,
    )
    return connection


def be_refused(integration: Integration | None, outcome: Outcome, **values: Any) -> AuthAttempt:
    return AuthAttempt.objects.create(
        at=timezone.now(),
        endpoint=PosEndpoint.AUTH,
        outcome=outcome,
        integration=integration,
        address="198.51.100.7",
        **values,
    )


def count_queries(staff: Client, url: str, at_most: MaxQueries) -> int:
    # Open the page once before counting, because the first page of a session also adds the session to a list.
    staff.get(url)
    with at_most(14) as asked:
        assert staff.get(url).status_code == 200
    return len(asked)
