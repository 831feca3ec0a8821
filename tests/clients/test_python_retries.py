"""The Python client repeats a call with the same idempotency key until it knows the outcome or the deadline passes."""

import json
from collections.abc import Callable
from decimal import Decimal

import httpx2
import pytest

from order_n_pay import Client, errors

URN = "urn:order-n-pay:problem:"
ANSWER = {
    "id": "0adb9ad0-ca8b-448d-b38f-f313cf43c609",
    "request_id": "web-1",
    "message_type": "GetUserFromPIN",
    "outcome": "refused",
    "result_code": 4,
    "error_message": "No user",
    "payload": None,
}
ORGANISATION = {
    "id": 1,
    "name": "Trattoria",
    "opening_hours": "",
    "time_zone": "",
    "created_at": "2026-03-01T12:00:00Z",
}
Reply = httpx2.Response | Exception


class Portal:
    """A fake portal: it answers each call with the next of the given replies, and records the calls."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.calls: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.calls.append(request)
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def client(self, deadline: float = 5) -> Client:
        return Client("http://portal.test", "ONPK-KEY", deadline=deadline, transport=httpx2.MockTransport(self))

    @property
    def keys(self) -> set[str]:
        return {call.headers["Idempotency-Key"] for call in self.calls}

    @property
    def request_ids(self) -> set[str]:
        return {json.loads(call.content)["request_id"] for call in self.calls}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace the client's sleeps and clock, and let pauses take no real time; return the list of recorded pauses."""
    pauses: list[float] = []
    monkeypatch.setattr("order_n_pay._retrying.time.monotonic", lambda: sum(pauses))
    monkeypatch.setattr("order_n_pay._sync.transport.time.sleep", pauses.append)
    return pauses


def problem(name: str, status: int, **headers: str) -> httpx2.Response:
    return httpx2.Response(status, json={"type": URN + name, "title": name, "status": status}, headers=headers)


def answered(**changes: object) -> httpx2.Response:
    return httpx2.Response(200, json=ANSWER | changes)


def send(client: Client, **options: bool | str) -> object:
    payload = {"PIN": "1"}
    return client.send("a/b", "GetUserFromPIN", payload, device_id="kiosk", **options)  # type: ignore[call-overload]


def test_a_lost_answer_leads_to_the_same_request_with_the_same_id() -> None:
    portal = Portal(httpx2.ReadError("lost"), problem("no-answer-yet", 504), answered())
    send(portal.client())
    assert len(portal.request_ids) == 1
    assert portal.calls[0].url.raw_path == b"/api/v1/outlets/a%2Fb/requests"


def test_retry_after_is_waited_for(clock: list[float]) -> None:
    portal = Portal(problem("rate-limited", 429, **{"Retry-After": "3"}), answered())
    send(portal.client())
    assert clock == [3]


def test_a_later_retry_than_the_deadline_is_not_waited_for(clock: list[float]) -> None:
    portal = Portal(problem("rate-limited", 429, **{"Retry-After": "6"}))
    with pytest.raises(errors.OutcomeUnknown) as raised:
        send(portal.client())
    assert {raised.value.idempotency_key} == portal.request_ids
    assert isinstance(raised.value.__cause__, errors.RateLimited)
    assert clock == []


def test_the_deadline_ends_the_attempts(clock: list[float]) -> None:
    portal = Portal(*[httpx2.ReadError("lost")] * 100)
    with pytest.raises(errors.OutcomeUnknown):
        send(portal.client(deadline=5))
    assert sum(clock) <= 5
    assert len(portal.calls) > 2


def test_a_call_with_a_known_outcome_is_not_repeated() -> None:
    portal = Portal(problem("pos-offline", 503, **{"Retry-After": "5"}))
    with pytest.raises(errors.PosOffline):
        send(portal.client())


def test_a_transient_request_is_not_repeated_after_a_lost_answer() -> None:
    portal = Portal(httpx2.ReadError("lost"))
    with pytest.raises(errors.OutcomeUnknown):
        send(portal.client(), durable=False)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.organisations.create(name="T"),
        lambda client: client.organisations.change(1, name="T"),
        lambda client: client.organisations.delete(1),
    ],
    ids=["create", "change", "delete"],
)
def test_a_change_is_repeated_with_its_idempotency_key(call: Callable[[Client], object]) -> None:
    portal = Portal(httpx2.ReadError("lost"), httpx2.Response(200, json=ORGANISATION))
    call(portal.client())
    assert [call.headers["Idempotency-Key"] for call in portal.calls] == [*portal.keys] * 2


def test_a_caller_chooses_the_idempotency_key_of_any_change() -> None:
    portal = Portal(*[httpx2.Response(200, json=ORGANISATION)] * 3)
    organisations = portal.client().organisations
    organisations.create(name="T", idempotency_key="mine")
    organisations.change(1, name="T", idempotency_key="mine")
    organisations.delete(1, idempotency_key="mine")
    assert portal.keys == {'"mine"'}


@pytest.mark.parametrize("request_id", ["Bestellung-ü", "🍕", " with spaces ", '"quoted"', "back\\slash"])
def test_a_request_id_may_have_any_characters(request_id: str) -> None:
    portal = Portal(answered())
    send(portal.client(), request_id=request_id)
    assert portal.request_ids == {request_id}
    assert "Idempotency-Key" not in portal.calls[0].headers


def test_an_idempotency_key_is_sent_as_a_quoted_string() -> None:
    portal = Portal(httpx2.Response(200, json=ORGANISATION))
    portal.client().organisations.create(name="T", idempotency_key=r' a "b" \c ')
    assert portal.keys == {r'" a \"b\" \\c "'}


@pytest.mark.parametrize("key", ["Bestellung-ü", "a\nb", "\t"])
def test_an_idempotency_key_that_a_header_cannot_have_is_refused_at_once(key: str) -> None:
    portal = Portal()
    with pytest.raises(ValueError, match="printable ASCII"):
        portal.client().organisations.create(name="T", idempotency_key=key)
    assert portal.calls == []


def test_blanks_around_the_api_key_are_ignored() -> None:
    portal = Portal(httpx2.Response(200, json=ORGANISATION))
    Client("http://portal.test", " ONPK-KEY\n", transport=httpx2.MockTransport(portal)).organisations.get(1)
    assert portal.calls[0].headers["Authorization"] == "Bearer ONPK-KEY"


@pytest.mark.parametrize(
    ("url", "key"), [("portal.test", "ONPK-KEY"), ("ftp://portal.test", "k"), ("https://portal.test", "k\nk")]
)
def test_a_client_that_could_never_send_a_call_is_refused_at_once(url: str, key: str) -> None:
    with pytest.raises(ValueError, match=r"http:// or https://|API key"):
        Client(url, key)


def test_pages_are_read_from_the_same_address_only() -> None:
    first = {"results": [ORGANISATION], "next": "https://elsewhere.test/api/v1/organisations?cursor=abc"}
    portal = Portal(
        httpx2.Response(200, json=first), httpx2.Response(200, json={"results": [ORGANISATION], "next": None})
    )
    assert len(list(portal.client().organisations.list(name="T"))) == 2
    assert [str(call.url) for call in portal.calls] == [
        "http://portal.test/api/v1/organisations?name=T",
        "http://portal.test/api/v1/organisations?cursor=abc",
    ]


def test_amounts_are_exact_in_both_directions() -> None:
    text = json.dumps(ANSWER | {"message_type": 77}).replace("null", '{"Amount": 25.10}')
    portal = Portal(httpx2.Response(200, text=text))
    answer = portal.client().send("harbour", 77, {"Amount": Decimal("0.10"), "Names": ["é"]}, device_id="kiosk")
    assert answer.payload == {"Amount": Decimal("25.10")}
    assert b'"Amount": 0.10' in portal.calls[0].content


def test_an_unknown_problem_and_one_of_a_proxy_are_api_errors() -> None:
    with pytest.raises(errors.ApiError, match="brand-new"):
        Portal(problem("brand-new", 409)).client().outlets.get("harbour")
    with pytest.raises(errors.ApiError, match="404"):
        Portal(httpx2.Response(404, text="<html>")).client().outlets.get("harbour")


def test_an_answer_that_no_model_matches_keeps_its_content() -> None:
    with pytest.raises(errors.UnexpectedAnswer) as raised:
        Portal(answered(payload={"UserName": 5})).client().send("a", "GetUserFromPIN", {"PIN": "1"}, device_id="k")
    assert raised.value.content["payload"] == {"UserName": 5}
