"""Each page of the portal takes at most 10 queries and scans no table, even in rare cases.

The tests include these cases:

* a page also prolongs the session, or stores the person's new address
* an outlet has the same POSRemoteID as one in another organisation, or has moved to another organisation
* an outlet's state depends on attempts and requests that are older than those on its page
* there are more organisations than a page lists
* a search finds rows that another filter rejects
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Alert, FleetSample, Integration, Organisation, Presence, WebhookEndpoint
from integrations.models.attempt import Outcome
from integrations.models.notices.alert import AlertKind
from integrations.services.integration import check_evidence
from integrations.services.overview.attention import Concern
from integrations.services.rows import keyset_pages
from integrations.staff.base import choices, filters, keyset_lists
from integrations.staff.base.keyset_lists import KeysetAdmin
from integrations.staff.integration import page as outlet_page
from tests.staff.base.lists import LATER, url_of
from tests.staff.test_staff_walk import walk
from tests.support.factories import make_enabled_outlet
from tests.support.notice_factories import make_finished_request
from tests.support.query_plans import scans, statements
from tests.support.staff.pages import act_url, be_refused, be_seen, page_url
from tests.support.staff.world import World, make_limited, make_viewer, make_world

MOST = 10  # queries of a page, including those for the session and the person who opens it
NEWEST = 2  # rows of each kind on an outlet's page
ON_A_PAGE = 2  # the most rows that a list shows in these tests; the small database has more
# A URL with this text is a download. It may exceed the limits, because it reads all outlets.
EXPORT = "/export/"
GROUPS = ("offline", "refused", *Concern)  # groups of the start page
SEARCHED = ("Station", "r-1", "198.51.")


@pytest.fixture
def rare(db: None, settings: Any, time_machine: Any, monkeypatch: Any) -> World:
    settings.EMAIL_URL = "smtp://mail.example.com"
    _list_few_rows(monkeypatch)
    world = make_world()
    time_machine.move_to(timezone.now() + timedelta(minutes=2), tick=False)
    Organisation.objects.bulk_create([Organisation(name=f"Chain {number}") for number in range(8)])
    Integration.objects.update(match_id="shared")
    Presence.objects.update(is_online=True)
    for each in Integration.objects.all():
        _add_old_rows(world, each)
    Integration.objects.filter(pk=world.left.pk).update(is_enabled=False, disabled_reason="Holiday")
    _cause_concerns(world)
    return world


def _list_few_rows(monkeypatch: Any) -> None:
    """Let each page show only a few rows, so even a small database has more rows than fit on a page."""
    monkeypatch.setattr(outlet_page, "ROWS", NEWEST)
    monkeypatch.setattr(check_evidence, "NEWEST", NEWEST)
    monkeypatch.setattr(filters, "ORGANISATIONS_LISTED", ON_A_PAGE)
    monkeypatch.setattr(choices, "MOST_TICKED", ON_A_PAGE)
    monkeypatch.setattr(keyset_pages, "INSPECTED", 2 * ON_A_PAGE)
    monkeypatch.setattr(keyset_lists, "read_page", partial(keyset_pages.read_page, size=ON_A_PAGE))


def _add_old_rows(world: World, integration: Integration) -> None:
    """Add attempts and requests that explain an outlet's state, and then newer ones that fill its page."""
    be_refused(integration, Outcome.WRONG_POS_REMOTE_ID, pos_remote_id="N", pos_remote_id_of=world.foreign)
    be_refused(integration, Outcome.BUSY)
    be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id="unknown", pos_remote_id_of=integration)
    for number in range(NEWEST):
        be_refused(integration, Outcome.THROTTLED)
        request_id = f"Station-{integration.pk}-{number}"  # a search for "Station" matches this and the outlet's name
        make_finished_request(integration, api_key=None, message_type=12, state="failed", request_id=request_id)


def _cause_concerns(world: World) -> None:
    """Add the rows that the start page shows: one for each kind of concern, and samples for its chart."""
    now, bella = timezone.now(), world.bella
    be_seen(make_enabled_outlet("Harbour").integration, heartbeat_at=now, closed=True)
    for minutes in (9, 4):
        FleetSample.objects.create(at=now - timedelta(minutes=minutes), organisation=bella, enabled=2, online=1)
    Alert.objects.create(kind=AlertKind.OFFLINE, organisation=bella, since=now, notify_at=now, notified_at=now)
    WebhookEndpoint.objects.update(failing_since=now)


def list_urls(integration: Integration) -> Iterator[str]:
    """Yield the URLs of each long list: bare, with each filter, with some pairs of filters, and with each search."""
    of_outlet: dict[str, Any] = {"integration__id__exact": integration.pk}
    chain: dict[str, Any] = {"organisation": integration.outlet.organisation_id}
    days = {"from": "2026-03-01", "to": LATER[:10]}
    own: dict[str, list[dict[str, Any]]] = {
        "request": [
            of_outlet, chain, {"state__exact": "answered"}, {"state__exact": "failed"}, {"message_type": 1},
            {"result_code": 0}, {"result_code": 4}, {"result_code": "not-0"}, {**of_outlet, "state__exact": "failed"},
            {**chain, "state__exact": "failed"}, {**chain, "message_type": 77},
            {"state__exact": "failed", **days}, {"api_key__id__exact": 1},
            {"state__exact": "answered", "ended_at__gt": timezone.now()}, {"person": "a"}, {"person": "a", **days},
        ],
        "connection": [of_outlet, chain, {"open": "yes"}, {"open": "no"}, {"close_reason__exact": "flooding"}],
        "authattempt": [of_outlet, chain, {"outcome__exact": "disabled"}, {"endpoint__exact": "websocket"}],
        "unrecognisedframe": [of_outlet, chain, {"kind__exact": "binary"}],
        "auditevent": [
            of_outlet, {"organisation__id__exact": 1}, {"outlet__id__exact": 1}, {"verb__exact": "disabled"},
            {"person": "anna"}, {"person": "a"}, {"person": '"anna"'}, {"person": "a", **days},
        ],
        "delivery": [{"state__exact": "failed"}, {"endpoint__id__exact": 1}, {"notice__kind__exact": "webhook.test"}],
    }  # fmt: skip
    for name, each in own.items():
        each.extend([days, {**of_outlet, **days}] if name != "delivery" else [])
        searches = [{**parameters, "q": SEARCHED[0]} for parameters in each] + [{"q": word} for word in SEARCHED]
        yield url_of(name)
        for parameters in ({}, *each):
            yield url_of(name, **parameters, after=cursor_beyond_all_rows(name))
        for parameters in searches:
            yield url_of(name, **parameters)


def outlet_urls() -> Iterator[str]:
    """Yield the URLs of each outlet's page and check page, including those of outlets that moved."""
    for integration in Integration.objects.all():
        yield page_url(integration)
        yield act_url(integration, "check")


def cursor_beyond_all_rows(name: str) -> str:
    """Return a cursor beyond all rows, which forces the page query to use an index."""
    if name in ("request", "delivery"):
        return str(10**9)
    return f"{LATER}~{'ffffffff-ffff-ffff-ffff-ffffffffffff' if name == 'connection' else 10**9}"


class Watch:
    """Notes the pages that took too many queries, and the statements that scan a table."""

    def __init__(self) -> None:
        self.too_many: dict[str, list[str]] = {}
        self.scanned: dict[str, list[str]] = {}
        self._get, self._plans = Client.get, dict[str, list[str]]()

    def get(self, client: Client, url: str, *given: Any, **options: Any) -> Any:
        """Open or refresh a page, and note its queries if they are too many or scan a table.

        The session is first set to expire soon and to have another address. Opening a page therefore also prolongs the
        session, and a refresh also stores the address.
        """
        Session.objects.update(expire_date=timezone.now() + timedelta(minutes=1))
        UserSession.objects.update(ip="203.0.113.1", last_seen_at=timezone.now() - timedelta(hours=1))
        with statements() as sent:
            answer = self._get(client, url, *given, **options)
        if EXPORT not in url and answer.status_code != HTTPStatus.FOUND:
            if len(sent) > MOST:
                self.too_many[url] = [sql[:160] for sql, _ in sent]
            for sql, parameters in sent:
                if sql not in self._plans:
                    self._plans[sql] = scans(sql, parameters)
                if self._plans[sql]:
                    self.scanned[url] = [sql, *self._plans[sql]]
        return answer


@pytest.mark.slow
def test_each_page_takes_at_most_ten_queries_and_scans_no_table(rare: World, monkeypatch: Any) -> None:
    watch = Watch()

    def get(*given: Any, **options: Any) -> Any:
        return watch.get(*given, **options)

    monkeypatch.setattr(Client, "get", get)
    chains = Organisation.objects.filter(name__startswith="Chain")
    people: dict[str, Callable[[], User]] = {
        "boss": lambda: User.objects.create_superuser("boss"),
        "limited": lambda: make_limited(rare.bella, *chains),
        "viewer": make_viewer,
    }
    for name, create in people.items():
        person, client = create(), Client()
        client.force_login(person)
        start = client.get(reverse("admin:index")).content.decode()
        assert [each for each in GROUPS if f'data-key="{each}"' not in start] == [], name
        assert "onp-plot" in start
        for url in (*outlet_urls(), *(list_urls(rare.station) if name != "viewer" else ())):
            assert client.get(url).status_code in (200, 302, 404), url
        assert len(dict(walk(person, most_alike=1))) > 100
        assert (name, watch.too_many, watch.scanned) == (name, {}, {})


@pytest.mark.parametrize("admin", [each for each in site._registry.values() if isinstance(each, KeysetAdmin)], ids=str)
def test_postgresql_finds_the_beginning_of_each_searched_column_by_an_index(admin: KeysetAdmin[Any]) -> None:
    """With most collations, PostgreSQL can find a prefix only by an index with the class varchar_pattern_ops."""
    indexes = [each for each in admin.model._meta.indexes if list(each.opclasses[:1]) == ["varchar_pattern_ops"]]
    assert {*admin.texts} <= {each.fields[0] for each in indexes}
