"""The auth endpoint and the websocket with clients other than Python's: curl gets a token, Node's ws connects."""

import json

from tests.live.callers import records
from tests.live.callers.clients import AUTH_PATH, authenticate, connect_with_node, curl, token_for
from tests.live.conftest import ON_EACH_SERVER
from tests.live.stack.ledger import LEDGER
from tests.live.stack.servers import Stack
from tests.live.stack.waiting import eventually


def curl_auth(stack: Stack, body: str, *arguments: str) -> tuple[int, dict[str, str]]:
    """Post the body with curl, which reads it from standard input. Return the answer's status and its JSON object."""
    address = f"{stack.base_url}{AUTH_PATH}"
    done = curl("--data-binary", "@-", "--write-out", "\n%{http_code}", *arguments, address, stdin=body)
    assert done.returncode == 0, done.stderr
    text, status = done.stdout.rsplit("\n", 1)
    answer: dict[str, str] = json.loads(text)
    LEDGER.remember(answer.get("AccessToken"))
    return int(status), answer


@ON_EACH_SERVER
def test_curl_gets_a_token_with_json_and_with_its_own_content_type(stack: Stack) -> None:
    body = json.dumps(stack.supply_outlet().as_request())
    for headers in ((), ("--header", "Content-Type: application/json"), ("--header", "Content-Type:")):
        status, answer = curl_auth(stack, body, *headers)
        assert (status, list(answer)) == (200, ["AccessToken"])


@ON_EACH_SERVER
def test_curl_is_refused_with_the_error_message(stack: Stack) -> None:
    body = json.dumps(stack.supply_outlet().as_request() | {"POSRemoteID": "other"})
    status, answer = curl_auth(stack, body)
    assert (status, list(answer)) == (401, ["ErrorMessage"])


@ON_EACH_SERVER
def test_curl_that_waits_for_100_continue_gets_a_token(stack: Stack) -> None:
    body = json.dumps(stack.supply_outlet().as_request())
    status, _ = curl_auth(stack, body, "--header", "Expect: 100-continue")
    assert status == 200


@ON_EACH_SERVER
def test_node_connects_answers_pings_and_gets_the_close_code_when_replaced(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    with connect_with_node(f"{stack.ws_url}?token={token}") as older:
        assert older.event() == {"event": "open"}
        older.send(json.dumps({"Hello": "from Node"}))
        eventually(lambda: records.unrecognised_frames(stack, outlet))
        with connect_with_node(f"{stack.ws_url}?token={token}") as newer:
            assert newer.event() == {"event": "open"}
            closed = next(event for event in iter(older.event, None) if event["event"] != "ping")
            assert (closed["event"], closed["code"]) == ("close", 4409)


@ON_EACH_SERVER
def test_node_that_offers_subprotocols_connects_with_the_first(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    url = f"{stack.ws_url}?token={token_for(stack, outlet)}"
    with connect_with_node(url, "ordernpay.v1", "json") as pos:
        assert pos.event() == {"event": "open", "protocol": "ordernpay.v1"}
        pos.send(json.dumps({"Hello": "from Node"}))
        eventually(lambda: records.unrecognised_frames(stack, outlet))


@ON_EACH_SERVER
def test_node_is_refused_at_the_handshake(stack: Stack) -> None:
    with connect_with_node(f"{stack.ws_url}?token=forged-token") as pos:
        refused = pos.event()
    assert refused["event"] == "refused"
    assert refused["status"] == (401 if stack.server == "serve" else 403)


@ON_EACH_SERVER
def test_node_is_closed_when_its_outlet_is_disabled(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    with connect_with_node(f"{stack.ws_url}?token={token_for(stack, outlet)}") as pos:
        assert pos.event() == {"event": "open"}
        stack.disable(outlet)
        closed = pos.event()
    assert (closed["event"], closed["code"]) == ("close", 1000)
    assert authenticate(stack, outlet).status_code == 403
