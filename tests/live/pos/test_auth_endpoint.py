"""The auth endpoint's path, bodies and methods.

A test whose result may depend on the server program runs with each program; the same applies to the database.
"""

import json
from collections.abc import Iterator

import pytest

from tests.live.callers.auth_answers import assert_refused, assert_token
from tests.live.callers.clients import AUTH_PATH, authenticate, post_auth, request
from tests.live.conftest import ON_EACH_DATABASE, ON_EACH_SERVER
from tests.live.stack.servers import Credentials, Stack

FIELDS = ("ProviderOutletID", "POSRemoteID", "AuthSecret")
LIMIT = 16 * 1024


def padded(outlet: Credentials, size: int) -> bytes:
    """A correct request of exactly this many bytes."""
    bare = json.dumps(outlet.as_request() | {"Padding": ""}).encode()
    return json.dumps(outlet.as_request() | {"Padding": "x" * (size - len(bare))}).encode()


def in_chunks(body: bytes) -> Iterator[bytes]:
    """Yield the body in chunks. The client then sends it without a Content-Length."""
    for start in range(0, len(body), 4096):
        yield body[start : start + 4096]


@ON_EACH_SERVER
def test_three_correct_values_get_an_access_token_that_is_not_cached(stack: Stack) -> None:
    answer = authenticate(stack, stack.supply_outlet())
    assert_token(answer)
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Cache-Control"] == "no-store"


@ON_EACH_SERVER
@pytest.mark.parametrize("path", [f"/{AUTH_PATH}", AUTH_PATH.upper(), f"{AUTH_PATH}//", f"{AUTH_PATH}%20"])
def test_the_path_may_have_any_letter_case_and_extra_slashes(stack: Stack, path: str) -> None:
    # Pass a full URL. If a path begins with two slashes, the client would treat the text after them as the host.
    url = f"{stack.base_url}{path}"
    assert_token(request(stack, "POST", url, json=stack.supply_outlet().as_request()))


@ON_EACH_SERVER
@pytest.mark.parametrize("path", [f"{AUTH_PATH}x", "//auth", "/API/powerepos", "/api%2fPowerEPOS%2fauth"])
def test_a_wrong_path_gets_the_correct_path_in_json(stack: Stack, path: str) -> None:
    answer = request(stack, "POST", path, json=stack.supply_outlet().as_request())
    assert AUTH_PATH in assert_refused(answer, 404)


@ON_EACH_SERVER
@pytest.mark.parametrize("path", [AUTH_PATH, f"{AUTH_PATH}/"])
def test_the_trailing_slash_is_optional_and_never_causes_a_redirect(stack: Stack, path: str) -> None:
    answer = request(stack, "POST", path, json=stack.supply_outlet().as_request())
    assert_token(answer)


@ON_EACH_SERVER
@pytest.mark.parametrize("path", [AUTH_PATH, f"{AUTH_PATH}/"])
def test_a_refusal_is_not_a_redirect(stack: Stack, path: str) -> None:
    assert_refused(request(stack, "POST", path, content=b"{"), 400)


@ON_EACH_SERVER
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=iso-8859-1",
        "application/json; charset=no-such-charset",
        "application/vnd.x+json; charset=utf-8",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "not a content type",
        "",
    ],
)
def test_json_is_accepted_with_any_content_type(stack: Stack, content_type: str) -> None:
    body = json.dumps(stack.supply_outlet().as_request()).encode()
    assert_token(post_auth(stack, body, headers={"Content-Type": content_type}))


@ON_EACH_SERVER
def test_json_is_accepted_without_a_content_type(stack: Stack) -> None:
    answer = post_auth(stack, json.dumps(stack.supply_outlet().as_request()).encode())
    assert "content-type" not in answer.request.headers
    assert_token(answer)


def test_an_accept_header_of_any_kind_gets_json(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    assert_token(authenticate(stack, outlet, headers={"Accept": "text/html"}))
    assert_token(authenticate(stack, outlet, headers={"Accept": "application/xml;q=0.1"}))


def test_a_byte_order_mark_is_accepted(stack: Stack) -> None:
    assert_token(post_auth(stack, json.dumps(stack.supply_outlet().as_request()).encode("utf-8-sig")))


@pytest.mark.parametrize("spell", [str.lower, str.upper, lambda key: key[0].lower() + key[1:]])
def test_keys_are_accepted_in_any_letter_case(stack: Stack, spell: object) -> None:
    assert callable(spell)
    body = {spell(key): value for key, value in stack.supply_outlet().as_request().items()}
    assert_token(post_auth(stack, body))


def test_unknown_keys_in_the_body_are_ignored(stack: Stack) -> None:
    more = {"Version": 3, "Terminal": {"id": None, "list": [1, 2.5, True]}, "": ""}
    assert_token(post_auth(stack, stack.supply_outlet().as_request() | more))


def test_a_secret_is_accepted_in_every_spelling_that_tills_use(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    assert_token(authenticate(stack, outlet, AuthSecret=outlet.auth_secret.lower()))
    assert_token(authenticate(stack, outlet, AuthSecret=outlet.auth_secret.replace("-", "")))
    assert_token(authenticate(stack, outlet, AuthSecret=f" {outlet.auth_secret} "))


@ON_EACH_SERVER
def test_a_body_of_exactly_16_kib_is_read(stack: Stack) -> None:
    body = padded(stack.supply_outlet(), LIMIT)
    assert len(body) == LIMIT
    assert_token(post_auth(stack, body))


@ON_EACH_SERVER
def test_a_body_over_16_kib_is_refused_with_413(stack: Stack) -> None:
    assert_refused(post_auth(stack, padded(stack.supply_outlet(), LIMIT + 1)), 413)


@ON_EACH_SERVER
def test_a_chunked_body_over_16_kib_is_refused_with_413(stack: Stack) -> None:
    body = padded(stack.supply_outlet(), LIMIT + 1)
    assert_refused(request(stack, "POST", AUTH_PATH, content=in_chunks(body)), 413)


@ON_EACH_SERVER
def test_a_body_of_megabytes_is_refused_with_413(stack: Stack) -> None:
    assert_refused(post_auth(stack, b" " * 3_000_000), 413)


@ON_EACH_SERVER
def test_an_empty_body_is_refused_with_400(stack: Stack) -> None:
    assert "JSON" in assert_refused(post_auth(stack, b""), 400)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"not json",
        b"\xff\xfe\x00",
        b"{'ProviderOutletID': 1}",
        b'{"ProviderOutletID": "a",}',
        b"[" * 10_000,
        b'{"a":' * 3_000,
        b"\x00",
    ],
)
def test_a_body_that_is_not_json_is_refused_with_400(stack: Stack, body: bytes) -> None:
    assert "JSON" in assert_refused(post_auth(stack, body), 400)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true", b"[{}]"])
def test_json_that_is_not_an_object_is_refused_with_400(stack: Stack, body: bytes) -> None:
    assert "object" in assert_refused(post_auth(stack, body), 400)


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_field_is_refused_with_400_and_named(stack: Stack, field: str) -> None:
    body = stack.supply_outlet().as_request()
    del body[field]
    assert field in assert_refused(post_auth(stack, body), 400)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", ["", None, 7, 1.5, True, [], {}, ["text"], "x" * 4096])
def test_a_field_that_is_empty_not_a_string_or_too_long_is_refused_with_400_and_named(
    stack: Stack, field: str, value: object
) -> None:
    body = stack.supply_outlet().as_request() | {field: value}
    assert field in assert_refused(post_auth(stack, body), 400)


@ON_EACH_DATABASE
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", ["\\u0000", "a\\u0000b", "\\ud800", "\\uffff", "\\u202e"])
def test_characters_that_no_database_stores_are_refused_cleanly(stack: Stack, field: str, value: str) -> None:
    outlet = stack.supply_outlet()
    raw = json.dumps(outlet.as_request() | {field: "@@"}).replace("@@", value).encode()
    answer = post_auth(stack, raw)
    assert answer.status_code in (400, 401)
    assert_refused(answer, answer.status_code)
    assert_token(authenticate(stack, outlet))


def test_a_number_of_thousands_of_digits_causes_no_error(stack: Stack) -> None:
    raw = json.dumps(stack.supply_outlet().as_request() | {"Huge": "@@"}).replace('"@@"', "9" * 6000)
    assert post_auth(stack, raw.encode()).status_code in (200, 400)


@ON_EACH_SERVER
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", [AUTH_PATH, f"{AUTH_PATH}/"])
def test_other_methods_are_refused_with_405_and_allow(stack: Stack, method: str, path: str) -> None:
    answer = request(stack, method, path)
    assert_refused(answer, 405)
    assert "POST" in answer.headers["Allow"]


@ON_EACH_SERVER
def test_head_is_refused_with_405_and_allow(stack: Stack) -> None:
    answer = request(stack, "HEAD", AUTH_PATH)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
