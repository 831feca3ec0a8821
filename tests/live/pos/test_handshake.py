"""Accepted and refused handshakes with tokens.

A test whose result may depend on the server program runs with each program; the same applies to the database.
"""

import json
import re
import uuid
from urllib.parse import quote

import pytest

from tests.live.callers import records
from tests.live.callers.clients import Refusal, authenticate, connect, handshake_refusal, request, token_for
from tests.live.conftest import ON_EACH_DATABASE, ON_EACH_SERVER, NewStack
from tests.live.stack.servers import Stack
from tests.live.stack.waiting import eventually

REPLACED = 4409


def assert_refused(stack: Stack, refusal: Refusal) -> None:
    """Fail unless the handshake was refused.

    `serve` refuses with the portal's answer, a 401 with a message. daphne replaces this answer by a 403.
    """
    if stack.server == "serve":
        assert refusal.status == 401
        assert list(json.loads(refusal.body)) == ["ErrorMessage"]
        assert refusal.error_message
    else:
        assert refusal.status == 403


def refused_outcome(stack: Stack, token: str | None) -> str:
    """Return the reason that staff see for a handshake refused with this token."""
    client = f"Test {uuid.uuid4()}"
    assert_refused(stack, handshake_refusal(stack, token, headers={"User-Agent": client}))
    (outcome,) = eventually(lambda: records.handshake_outcomes(stack, client), what="the refusal is recorded")
    return outcome


def test_a_token_needs_no_escaping_in_a_url(stack: Stack) -> None:
    token = token_for(stack, stack.supply_outlet())
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", token)


@ON_EACH_SERVER
def test_a_token_opens_the_websocket_and_may_be_used_again(stack: Stack) -> None:
    token = token_for(stack, stack.supply_outlet())
    for _ in range(3):
        with connect(stack, token) as pos:
            assert pos.is_open()


@ON_EACH_SERVER
def test_a_token_opens_the_websocket_from_an_authorization_header(stack: Stack) -> None:
    token = token_for(stack, stack.supply_outlet())
    with connect(stack, headers={"Authorization": f"Bearer {token}"}) as pos:
        assert pos.is_open()


def test_the_authorization_scheme_may_be_in_any_letter_case(stack: Stack) -> None:
    token = token_for(stack, stack.supply_outlet())
    with connect(stack, headers={"Authorization": f"bearer {token}"}) as pos:
        assert pos.is_open()


@ON_EACH_SERVER
def test_a_needlessly_escaped_token_opens_the_websocket(stack: Stack) -> None:
    token = token_for(stack, stack.supply_outlet())
    escaped = "".join(f"%{ord(character):02X}" for character in token)
    with connect(stack, url=f"{stack.ws_url}?token={escaped}") as pos:
        assert pos.is_open()


def test_other_query_parameters_are_ignored(stack: Stack) -> None:
    token = token_for(stack, stack.supply_outlet())
    with connect(stack, url=f"{stack.ws_url}?version=3&token={token}&x=") as pos:
        assert pos.is_open()


@ON_EACH_SERVER
def test_a_token_opens_the_websocket_without_the_slash_of_the_root(stack: Stack) -> None:
    token = token_for(stack, stack.supply_outlet())
    with connect(stack, url=f"{stack.ws_url.rstrip('/')}?token={token}") as pos:
        assert pos.is_open()


def test_a_token_expires_after_the_lifetime_in_the_settings(new_stack: NewStack) -> None:
    stack = new_stack(env={"POS_TOKEN_LIFETIME": "2"})
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    with connect(stack, token) as pos:
        eventually(lambda: not can_connect(stack, token), timeout=5, what="the token expired")
        assert refused_outcome(stack, token) == "token_expired"
        assert authenticate(stack, outlet).status_code == 200
        assert pos.wait_closed(5)[0] == REPLACED


def can_connect(stack: Stack, token: str) -> bool:
    try:
        handshake_refusal(stack, token)
    except AssertionError:
        return True
    return False


def test_a_new_secret_key_with_the_old_as_fallback_voids_nothing(new_stack: NewStack) -> None:
    stack = new_stack()
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    old = stack.env["SECRET_KEY"]
    stack.stop()
    stack.start(env={"SECRET_KEY": f"new-{old[::-1]}", "SECRET_KEY_FALLBACKS": old})
    with connect(stack, token) as pos:
        assert pos.is_open()
    assert authenticate(stack, outlet).status_code == 200


def test_a_new_secret_key_alone_voids_the_tokens(new_stack: NewStack) -> None:
    stack = new_stack()
    token = token_for(stack, stack.supply_outlet())
    stack.stop()
    stack.start(env={"SECRET_KEY": f"new-{stack.env['SECRET_KEY'][::-1]}"})
    assert refused_outcome(stack, token) == "token_forged"


@ON_EACH_SERVER
def test_a_handshake_without_a_token_is_refused(stack: Stack) -> None:
    assert refused_outcome(stack, None) == "token_missing"


@ON_EACH_SERVER
def test_a_handshake_with_an_empty_token_is_refused(stack: Stack) -> None:
    assert refused_outcome(stack, "") == "token_missing"


@ON_EACH_SERVER
@pytest.mark.parametrize("token", ["abcdef123456", "VGhpcyBpcyBteSBhY2Nlc3MgdG9rZW4=", "a.b.c", "x%00", "%FF", "é"])
def test_a_handshake_with_a_forged_token_is_refused(stack: Stack, token: str) -> None:
    assert refused_outcome(stack, quote(token, safe="%")) == "token_forged"


@ON_EACH_SERVER
def test_a_handshake_with_an_endless_token_is_refused(stack: Stack) -> None:
    assert_refused(stack, handshake_refusal(stack, "x" * 6000))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_handshake_with_a_changed_token_is_refused(stack: Stack, part: int) -> None:
    parts = token_for(stack, stack.supply_outlet()).split(".")
    parts[part] = parts[part][:-1] + ("A" if parts[part][-1] not in "AB" else "x")
    assert refused_outcome(stack, ".".join(parts)) == "token_forged"


def test_a_handshake_with_a_token_of_another_purpose_is_refused(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    assert refused_outcome(stack, outlet.auth_secret) == "token_forged"


@ON_EACH_DATABASE
def test_a_handshake_with_a_token_voided_by_a_rotation_is_refused(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    rotated = stack.rotate_secret(outlet)
    assert refused_outcome(stack, token) == "token_void"
    with connect(stack, token_for(stack, rotated)) as pos:
        assert pos.is_open()


@ON_EACH_DATABASE
def test_a_disabled_integrations_handshake_is_refused_and_its_token_stays_void(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    stack.disable(outlet)
    assert refused_outcome(stack, token) in ("disabled", "token_void")
    stack.reenable(outlet)
    assert refused_outcome(stack, token) == "token_void"
    with connect(stack, token_for(stack, outlet)) as pos:
        assert pos.is_open()


@ON_EACH_DATABASE
def test_staff_see_that_a_refused_handshake_was_for_a_disabled_integration(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    stack.disable(outlet)
    assert refused_outcome(stack, token) == "disabled"


@ON_EACH_SERVER
@pytest.mark.parametrize(
    "path",
    ["ws", "ws/", "admin/", "api/powerepos/v1/auth", "healthz", "static/x", "..", "%2e%2e/", "a" * 2000],
)
def test_any_other_websocket_path_is_refused_without_a_logged_error(stack: Stack, path: str) -> None:
    token = token_for(stack, stack.supply_outlet())
    before = stack.log_text().count("Traceback")
    refusal = handshake_refusal(stack, url=f"{stack.ws_url}{path}?token={token}")
    assert 400 <= refusal.status < 500
    assert stack.log_text().count("Traceback") == before


@ON_EACH_SERVER
@pytest.mark.parametrize("origin", ["ws://127.0.0.1:1", "https://elsewhere.example", "null", "file://"])
def test_a_till_may_send_any_origin(stack: Stack, origin: str) -> None:
    with connect(stack, token_for(stack, stack.supply_outlet()), origin=origin) as pos:
        assert pos.is_open()


@ON_EACH_SERVER
def test_a_handshake_from_our_own_pages_is_accepted(stack: Stack) -> None:
    with connect(stack, token_for(stack, stack.supply_outlet()), origin=stack.base_url) as pos:
        assert pos.is_open()


@ON_EACH_SERVER
def test_a_plain_get_of_the_same_address_redirects_into_the_portal(stack: Stack) -> None:
    answer = request(stack, "GET", "/")
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("/admin/")


@ON_EACH_SERVER
def test_the_redirect_does_not_repeat_a_token_from_the_query(stack: Stack) -> None:
    token = token_for(stack, stack.supply_outlet())
    answer = request(stack, "GET", f"/?token={token}")
    assert answer.status_code == 302
    assert token not in answer.headers["Location"]
    assert token not in answer.text
