"""Each page of the portal takes at most 10 queries, even in rare cases.

These cases are a page that also prolongs the session, an outlet with a twin in another organisation, an outlet that
moved, and an outlet whose state depends on attempts and requests older than the newest ones.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone

from integrations.models import Integration, Presence
from integrations.models.attempt import Outcome
from tests.staff.test_staff_walk import walk
from tests.support.notice_factories import make_finished_request
from tests.support.staff.pages import be_refused
from tests.support.staff.world import World, make_limited, make_viewer, make_world

MOST = 10
NEWEST = 10  # rows of each kind on an outlet's page
EXPORT = "/export/"  # a download, which reads all outlets


@pytest.fixture
def rare(db: None, settings: Any, time_machine: Any) -> World:
    settings.EMAIL_URL = "smtp://mail.example.com"
    world = make_world()
    time_machine.move_to(timezone.now() + timedelta(minutes=2), tick=False)
    Integration.objects.update(match_id="shared")
    Presence.objects.update(is_online=True)
    for each in Integration.objects.all():
        be_refused(each, Outcome.WRONG_POS_REMOTE_ID, pos_remote_id="N", pos_remote_id_of=world.foreign)
        be_refused(each, Outcome.BUSY)
        be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id="unknown", pos_remote_id_of=each)
        for _ in range(NEWEST):
            be_refused(each, Outcome.THROTTLED)
            make_finished_request(each, api_key=None, message_type=12, state="failed")
    Integration.objects.filter(pk=world.left.pk).update(is_enabled=False, disabled_reason="Holiday")
    return world


@pytest.mark.parametrize("person", ["boss", "limited", "viewer"])
def test_each_page_takes_at_most_ten_queries(rare: World, monkeypatch: Any, person: str) -> None:
    counts: dict[str, int] = {}
    answer = Client.get

    def get(client: Client, url: str, *given: Any, **options: Any) -> Any:
        Session.objects.update(expire_date=timezone.now() + timedelta(minutes=1))  # so that the page prolongs it
        with connection.execute_wrapper(count):
            counts["now"] = 0
            found = answer(client, url, *given, **options)
            counts[url] = max(counts["now"], counts.get(url, 0))
        return found

    def count(execute: Any, *given: Any) -> Any:
        counts["now"] += 1
        return execute(*given)

    monkeypatch.setattr(Client, "get", get)
    people: dict[str, Callable[[], User]] = {
        "boss": lambda: User.objects.create_superuser("boss"),
        "limited": lambda: make_limited(rare.bella),
        "viewer": make_viewer,
    }
    pages = dict(walk(people[person]()))
    too_many = {url: found for url, found in counts.items() if found > MOST and EXPORT not in url}
    assert len(pages) > 100
    assert not too_many, too_many
