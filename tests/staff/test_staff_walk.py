"""Follow every link of the staff pages; no page shows data that its viewer may not read."""

import re
from collections import Counter, deque
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Request
from tests.staff.test_staff_limits import name_of, pages_of
from tests.support.signing_in import refresh
from tests.support.staff.pages import page_url
from tests.support.staff.world import CONTENT, THEIRS, World, make_limited, make_viewer, make_world

_LINK = re.compile(r"""(?:href|data-url|data-next|action)="([^"]+)""")
_PATH = re.compile(r'<div class="breadcrumbs">(.*?)</div>', re.DOTALL)
# This parameter in the URL of a row's page holds the filters of the row's list. It affects only the page's links.
OF_THE_LIST = "_changelist_filters"
ENDING = (reverse("admin:logout"),)


@pytest.fixture
def world(db: None, settings: Any, time_machine: Any) -> World:
    """Rows of every model. The clock stands still, because pages say how long ago something happened."""
    time_machine.move_to(timezone.now(), tick=False)
    settings.EMAIL_URL = "smtp://mail.example.com"
    return make_world()


def start_urls() -> Iterator[str]:
    """Yield the URLs of the first page and the lists, and of each page about a row of a list."""
    yield reverse("admin:index")
    for model, admin in site._registry.items():
        yield reverse(f"{name_of(model)}_changelist")
        yield from (reverse(f"admin:{each.name}") for each in admin.get_urls() if _is_plain(each))
        for row in model._default_manager.all():
            yield from pages_of(admin, row)
    for integration, request in Request.objects.values_list("integration", "pk"):
        yield reverse("admin:integrations_integration_asked", args=(integration, request))


def _is_plain(pattern: Any) -> bool:
    return bool(getattr(pattern, "name", None)) and not pattern.pattern.converters and "(" not in str(pattern.pattern)


def walk(person: User, *, most_alike: int | None = None) -> Iterator[tuple[str, str]]:
    """Open pages as this person, and yield the URL and text of each page and of each fragment of a live page.

    Each query parameter of a page is tried once: alone, and with one value. Of the pages whose URLs differ only in
    numbers, at most `most_alike` are opened; None means all.
    """
    client, start = Client(), reverse("admin:index")
    client.force_login(person)
    pending, visited, alike = deque(start_urls()), set(), Counter[Any]()
    while pending:
        url = pending.popleft()
        visit = _path_and_parameters(url)
        kind = (re.sub(r"[0-9a-f-]*[0-9][0-9a-f-]*", "", visit[0]), visit[1])
        if visit in visited or len(visit[1]) > 1 or url.startswith(ENDING) or alike[kind] == most_alike:
            continue
        visited.add(visit)
        alike[kind] += 1
        text = _text(client.get(url))
        yield url, text
        if "data-live" in text:
            fragment = _text(refresh(client, url))
            assert fragment
            assert fragment in text, "a fragment must equal the same part of a reloaded page"
            yield f"{url}, refreshed", fragment
        pending.extend(each for each in _links(url, text) if each.startswith(start))


def _path_and_parameters(url: str) -> tuple[str, tuple[str, ...]]:
    parts = urlsplit(url)
    names = parse_qs(parts.query, keep_blank_values=True).keys() - {OF_THE_LIST}
    return parts.path, tuple(sorted(names))


def _text(response: HttpResponseBase) -> str:
    assert response.status_code in (200, 302, 403, 404, 405), response.status_code
    if response.streaming:
        return b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    text: str = response.content.decode()  # type: ignore[attr-defined]
    return text


def _links(url: str, text: str) -> Iterator[str]:
    for found in dict.fromkeys(_LINK.findall(text)):
        yield urljoin(url, unescape(found)).partition("#")[0]


@pytest.mark.slow
def test_no_page_shows_payloads_to_a_person_without_the_right_to_see_them(world: World) -> None:
    pages = dict(walk(make_viewer()))
    assert [url for url, text in pages.items() if CONTENT in text] == []
    station = page_url(world.station)
    assert "unrecognised frames" in pages[station], "the walk must reach the pages that show these payloads"


def test_a_person_with_the_right_to_see_payloads_finds_them(world: World) -> None:
    client = Client()
    client.force_login(make_limited(world.bella))
    for url in (
        page_url(world.station),
        reverse("admin:integrations_integration_check", args=(world.station.pk,)),
        reverse("admin:integrations_request_change", args=(world.station.requests.first().pk,)),  # type: ignore[union-attr]
    ):
        assert CONTENT in client.get(url).content.decode(), url


@pytest.mark.slow
def test_no_page_shows_a_limited_person_a_text_of_another_organisation(world: World) -> None:
    pages = dict(walk(make_limited(world.bella)))
    assert [url for url, text in pages.items() if THEIRS.lower() in text.lower()] == []
    connected = page_url(world.came)
    assert "Came" in pages[connected]


@pytest.mark.slow
def test_each_path_of_a_page_begins_with_the_name_of_the_start_page(world: World) -> None:
    boss, start = User.objects.create_superuser("boss"), reverse("admin:index")
    paths = {url: _PATH.search(text) for url, text in walk(boss, most_alike=1) if url.endswith("/")}
    other = [url for url, path in paths.items() if path and f'<a href="{start}">Start</a>' not in path[1]]
    assert other == []
    assert sum(path is not None for path in paths.values()) > 50


def test_an_alert_counts_the_emails_to_recipients_that_a_person_may_not_see(world: World) -> None:
    client, alert = Client(), world.bella.alerts.first()
    assert alert
    client.force_login(make_limited(world.bella))
    page = client.get(reverse("admin:integrations_alert_change", args=(alert.pk,))).content.decode()
    assert "own@example.com" in page
    assert "1 more e-mail to recipients that you may not see" in page
    world.bella.alert_recipients.all().delete()
    page = client.get(reverse("admin:integrations_alert_change", args=(alert.pk,))).content.decode()
    assert "2 e-mails to recipients that you may not see" in page
    assert "@example.com" not in page
    client.force_login(User.objects.create_superuser("boss"))
    page = client.get(reverse("admin:integrations_alert_change", args=(alert.pk,))).content.decode()
    assert f"{THEIRS}-2@example.com".lower() in page
    assert "own@example.com" in page
    assert "may not see" not in page
