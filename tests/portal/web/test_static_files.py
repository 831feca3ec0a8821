"""Static files have hashed names, are cached for a year, and are compressed."""

import gzip
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.templatetags.static import static
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Integration, Organisation, Outlet
from integrations.models.attempt import Outcome
from integrations.services.notices.webhooks import send_test
from integrations.services.outlets.outlets import save_outlet
from portal.web import static_files
from tests.support.factories import ANNA, make_enabled_outlet
from tests.support.notice_factories import make_endpoint, make_finished_request, make_unrecognised_frame
from tests.support.staff.pages import be_refused, be_seen

SHEET = "integrations/staff.css"
COLD_PAGE_BYTES = 150_000
LINKED = re.compile(r"""<(?:link|script|img)[^>]+?(?:href|src)="(/static/[^"]+)\"""")
REFERENCED = re.compile(r"""url\(["']?([^"')]+)""")
HASHED = re.compile(r".+\.[0-9a-f]{12}\.\w+")


def fetch(client: Client, url: str, **headers: str) -> tuple[dict[str, str], bytes]:
    answer = client.get(url, headers={"Accept-Encoding": "gzip, deflate, br, zstd", **headers})
    assert answer.status_code == 200, url
    return dict(answer.headers), b"".join(answer) if answer.streaming else answer.content


def test_a_static_file_has_a_hashed_name_and_is_kept_for_a_year(client: Client) -> None:
    headers, body = fetch(client, static(SHEET))
    assert HASHED.fullmatch(static(SHEET))
    assert headers["Cache-Control"] == "max-age=31536000, public, immutable"
    assert (headers["Content-Encoding"], headers["Content-Type"]) == ("gzip", "text/css")
    assert headers["Vary"] == "Accept-Encoding"
    assert headers["Content-Length"] == str(len(body))
    plain_headers, plain = fetch(client, static(SHEET), **{"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in plain_headers
    assert gzip.decompress(body) == plain


def test_a_file_is_served_under_its_name_without_a_hash(client: Client) -> None:
    headers, body = fetch(client, f"/static/{SHEET}")
    assert (headers["Cache-Control"], headers["Content-Type"]) == ("max-age=60, public", 'text/css; charset="utf-8"')
    assert b"onp-" in body


def test_a_start_reads_no_file() -> None:
    static_files._load_file.cache_clear()
    served = static_files.StaticFiles(lambda _request: HttpResponse())
    assert static_files._load_file.cache_info().currsize == 0
    assert served.files == {}


def test_a_style_sheet_names_hashed_files(client: Client) -> None:
    for name in ("admin/css/base.css", "admin/css/forms.css"):
        _, body = fetch(client, static(name), **{"Accept-Encoding": "identity"})
        references = [each for each in REFERENCED.findall(body.decode()) if not each.startswith(("data:", "#"))]
        assert references
        for each in references:
            url = urljoin(static(name), each)
            assert HASHED.fullmatch(url)
            assert "immutable" in fetch(client, url)[0]["Cache-Control"]


def test_the_hash_of_another_version_gets_the_current_file_and_is_not_kept(client: Client) -> None:
    url = re.sub("[0-9a-f]{12}", "0" * 12, static(SHEET))
    headers, body = fetch(client, url)
    assert headers["Cache-Control"] == "no-cache"
    assert body == fetch(client, static(SHEET))[1]


@pytest.mark.parametrize("name", ["nothing.css", "../settings.py", "integrations/../../settings.py", "a%00.css", ""])
def test_a_name_that_is_no_static_file_is_not_found(client: Client, db: None, name: str) -> None:
    stem, dot, extension = name.rpartition(".")
    assert client.get(f"/static/{stem}.{'0' * 12}{dot}{extension}").status_code == 404


def test_while_debugging_names_stay_plain_so_that_changes_are_seen(settings: Any) -> None:
    settings.DEBUG = True
    assert static(SHEET) == f"/static/{SHEET}"


def test_a_cold_list_page_loads_less_than_150_kilobytes(client: Client, db: None) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    fill_lists()
    too_large = {}
    for model in site._registry.keys() - {Integration}:
        loaded = dict(load(client, reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")))
        if sum(map(len, loaded.values())) >= COLD_PAGE_BYTES:
            too_large[model.__name__] = {url: len(body) for url, body in loaded.items()}
        assert all(HASHED.fullmatch(url) for url in loaded if url.startswith("/static/"))
    assert too_large == {}


def fill_lists() -> None:
    """Add enough rows with long names to fill a page of each list that grows."""
    name, now = "Trattoria Bella on the Harbour, the first of many, and the largest", timezone.now()
    long = make_enabled_outlet(f"{name} of them").integration
    Organisation.objects.update(name=name)
    Outlet.objects.bulk_create(Outlet(organisation=long.outlet.organisation, name=f"{name} {n}") for n in range(60))
    Organisation.objects.bulk_create(Organisation(name=f"{name} {number}") for number in range(60))
    endpoint, _ = make_endpoint(name=name)
    for number in range(60):
        make_finished_request(long, api_key=None, request_id=f"{number}-{name}", state="failed")
        be_refused(long, Outcome.WRONG_POS_REMOTE_ID, provider_outlet_id="p" * 64, pos_remote_id="r" * 128)
        be_seen(long, heartbeat_at=now, closed=True)
        make_unrecognised_frame(long)
        rename(long, f"{name} again {number}")
        send_test(endpoint, actor=ANNA)


def rename(integration: Integration, name: str) -> None:
    """Rename an outlet. This adds an audit event with the old and the new name."""
    outlet = Outlet.objects.get(pk=integration.outlet_id)
    outlet.name = name
    save_outlet(outlet, actor=ANNA)


def test_a_list_loads_no_script_that_it_does_not_use(client: Client, db: None) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    for name, used in (("request", []), ("outlet", ["actions"])):
        page = client.get(reverse(f"admin:integrations_{name}_changelist")).content.decode()
        found = re.findall(r"/static/admin/js/((?:vendor|jquery|core|admin|actions)[^.]*)", page)
        assert found == used


def load(client: Client, page: str) -> Iterator[tuple[str, bytes]]:
    """Yield the URL and the transferred body of a page, and of each static file that a browser loads for the page."""
    _, body = fetch(client, page)
    yield page, body
    waiting, seen = LINKED.findall(body.decode()), set()
    while waiting:
        url = waiting.pop()
        if url in seen:
            continue
        seen.add(url)
        headers, body = fetch(client, url)
        yield url, body
        if headers["Content-Type"].startswith("text/css"):
            text = gzip.decompress(body).decode()
            waiting += [urljoin(url, each) for each in REFERENCED.findall(text) if not each.startswith(("data:", "#"))]
