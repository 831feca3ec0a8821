"""Invalid requests get an error in the caller's format; a wrong Host header adds one short line to the log."""

import logging
from typing import Any

import pytest
from django.test import Client

LOGIN = "/admin/login/"


@pytest.fixture(params=[False, True], ids=["", "DEBUG"])
def client(request: Any, settings: Any) -> Client:
    settings.DEBUG = request.param
    settings.ALLOWED_HOSTS = ["testserver"]
    return Client(enforce_csrf_checks=True)


@pytest.mark.parametrize(
    "host", ["evil.example", "a b", "<script>", "user@testserver", "x" * 5_000, "[::1", "testserver:x"]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_wrong_host_is_one_warning_without_a_traceback(
    client: Client, caplog: pytest.LogCaptureFixture, host: str, method: str
) -> None:
    answer = getattr(client, method)(LOGIN, HTTP_HOST=host)
    assert answer.status_code == 400
    assert "This request is not valid" in answer.content.decode()
    assert b"DisallowedHost" not in answer.content
    (record,) = caplog.records
    assert (record.levelno, record.exc_info) == (logging.WARNING, None)
    assert record.host == host[: len(record.host)]  # type: ignore[attr-defined]
    assert len(record.host) < 150  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/api/v1/schema", "/api/v1/docs", "/api/nothing", "/API/v1/docs"])
def test_a_wrong_host_gets_a_problem_below_the_api(client: Client, path: str) -> None:
    answer = client.get(path, HTTP_HOST="evil.example")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert (answer.json()["status"], answer.json()["type"]) == (400, "urn:order-n-pay:problem:malformed-request")
    assert "ALLOWED_HOSTS" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/api", "/api/nothing", "/api/v2/outlets", "/API/V1/outlets"])
def test_a_path_without_a_view_below_the_api_is_a_problem(settings: Any, path: str) -> None:
    settings.DEBUG = False
    answer = Client().get(path)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["type"] == "urn:order-n-pay:problem:not-found"


@pytest.mark.parametrize(
    ("method", "path", "accept", "status"),
    [
        ("POST", "/api/v1/schema", "*/*", 405),
        ("DELETE", "/api/v1/docs", "*/*", 405),
        ("GET", "/api/v1/schema?format=nothing", "*/*", 406),
        ("GET", "/api/v1/schema", "image/png", 406),
        ("GET", "/api/v1/docs", "application/json", 406),
    ],
)
def test_a_refusal_of_the_api_description_is_a_problem(
    client: Client, method: str, path: str, accept: str, status: int
) -> None:
    answer = client.generic(method, path, HTTP_ACCEPT=accept)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    if status == 405:
        assert "GET" in answer["Allow"]


def test_a_path_without_a_view_elsewhere_is_a_page(settings: Any) -> None:
    settings.DEBUG = False
    answer = Client().get("/apis/nothing")
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "Page not found" in answer.content.decode()


def test_a_wrong_host_gets_the_pos_format_at_the_poss_endpoint(client: Client) -> None:
    answer = client.post("/api/powerepos/v1/elsewhere", HTTP_HOST="evil.example")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")
    assert list(answer.json()) == ["ErrorMessage"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=\xff", b"x"),
        ("application/x-www-form-urlencoded", b"a=1&" * 1_500),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 3_000_000),
    ],
)
def test_a_form_that_cannot_be_read_is_400_and_no_traceback(
    client: Client, caplog: pytest.LogCaptureFixture, kind: str, body: bytes
) -> None:
    answer = client.generic("POST", "/handover/", body, content_type=kind)
    assert answer.status_code in (400, 413)
    assert not [
        record for record in caplog.records if record.levelno >= logging.ERROR and "django.security" not in record.name
    ]


@pytest.mark.django_db
def test_the_style_sheet_of_the_400_page_is_served(client: Client) -> None:
    answer = client.get("/static/admin/css/base.css", HTTP_HOST="evil.example")
    assert answer.status_code == 200
    answer.close()


@pytest.mark.parametrize("charset", ["zlib", "rot13", "undefined", "idna", "utf-16", "punycode", "base64"])
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=abc", "application/x-www-form-urlencoded"])
def test_a_form_in_an_encoding_other_than_utf_8_is_400(client: Client, charset: str, kind: str) -> None:
    body = b'--abc\r\nContent-Disposition: form-data; name="code"\r\n\r\n\xe9\r\n--abc--\r\n'
    answer = client.generic("POST", "/handover/", body, content_type=f"{kind}; charset={charset}")
    assert answer.status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "nonsense", ""])
def test_a_form_in_utf_8_is_read(client: Client, charset: str) -> None:
    kind = f"application/x-www-form-urlencoded; charset={charset}"
    answer = client.generic("POST", LOGIN, b"username=a", content_type=kind)
    assert answer.status_code == 403, "it has no CSRF token"
