"""Static files have hashed names, are cached for a year, and are compressed."""

import gzip
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpResponse
from django.templatetags.static import static
from django.test import Client
from django.urls import reverse

from integrations.models import Integration, Outlet
from integrations.services.outlets.outlets import get_or_create_organisation
from portal.web import static_files
from tests.support.factories import ANNA

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


def test_a_start_compresses_no_file() -> None:
    static_files._load_file.cache_clear()
    static_files.StaticFiles(lambda _request: HttpResponse())
    assert static_files._load_file.cache_info().currsize == 0


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


@pytest.mark.parametrize(
    "model", [each for each in site._registry if each is not Integration], ids=lambda model: model.__name__
)
def test_a_cold_list_page_loads_less_than_150_kilobytes(client: Client, db: None, model: type[Model]) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    bella = get_or_create_organisation("Trattoria Bella", actor=ANNA)
    Outlet.objects.bulk_create(Outlet(organisation=bella, name=f"Outlet {number}") for number in range(150))
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    loaded = {url: len(body) for url, body in load(client, page)}
    assert sum(loaded.values()) < COLD_PAGE_BYTES, loaded
    assert all(HASHED.fullmatch(url) for url in loaded if url.startswith("/static/"))


def load(client: Client, page: str) -> Iterator[tuple[str, bytes]]:
    """Yield the address and the transferred body of a page and of each file that it names, once each."""
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
