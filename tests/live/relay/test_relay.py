"""The relay's main use, with one process and with two: a backend asks and a till answers."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from integrations.simulator import BackgroundPos, Fault, Plan
from integrations.simulator.example import MANAGER, SOUP
from tests.live.callers.backend import Backend, callers, kind_of, orders_by_id, pos_of, requests_of, soup
from tests.live.callers.clients import Pos, connect, token_for
from tests.live.stack.servers import Credentials, Depot, Stack
from tests.live.stack.waiting import eventually

ENV = {"AUTH_FAILURES_PER_ADDRESS": "1000000", "REQUEST_ANSWER_SECONDS": "20"}
UNKNOWN_TYPES = st.integers(100, 2**31 - 1)


@dataclass(frozen=True)
class Site:
    """`pos_server` holds the POSes' sockets, and `api_server` takes the API calls.

    They are the same process, or two processes that share a database.
    """

    pos_server: Stack
    api_server: Stack
    backend: Backend

    @contextmanager
    def till(self, **options: Any) -> Iterator[tuple[Credentials, BackgroundPos]]:
        """Create an outlet and run its POS; yield both once the API shows the POS as online."""
        outlet = self.pos_server.supply_outlet()
        with self.online(outlet, **options) as background:
            yield outlet, background

    @contextmanager
    def online(self, outlet: Credentials, **options: Any) -> Iterator[BackgroundPos]:
        with pos_of(outlet, **options) as background:
            background.wait_for_connections()
            eventually(lambda: self.backend.is_online(outlet), what="the API shows the POS as online")
            yield background


@pytest.fixture(scope="module", params=["one-process-sqlite", "two-processes-postgres"])
def site(request: pytest.FixtureRequest, depot: Depot) -> Iterator[Site]:
    if request.param == "one-process-sqlite":
        pos_server = api_server = depot.make("serve", env=ENV)
    else:
        services = {name: request.getfixturevalue(name) for name in ("postgres", "redis")}
        pos_server = depot.make("serve", env=ENV, **services)
        api_server = depot.twin(pos_server)
    yield Site(pos_server, api_server, Backend.of(api_server))
    for stack in {pos_server, api_server}:
        stack.close()


def test_the_till_answers_every_method(site: Site) -> None:
    with site.till() as (outlet, background):

        def ask(method: str, payload: dict[str, Any]) -> Any:
            answer = site.backend.ask(outlet, method, payload)
            assert (answer.status_code, answer.json()["outcome"]) == (200, "answered"), answer.text
            return json.loads(answer.text, parse_float=Decimal)["payload"]

        assert ask("GetUserFromPIN", {"PIN": MANAGER.pin})["UserID"] == MANAGER.user_id
        simulated = ask("SimulateOrder", soup("an-order"))["Order"]
        created = ask("CreateOrder", soup("an-order"))["Order"]
        assert (simulated["Amount"], created["Amount"]) == (SOUP.price, SOUP.price)
        same = {"SalesTransactionID": created["SalesTransactionID"]}
        updated = ask("UpdateOrder", same | {"Products": soup()["Products"]})["Order"]
        assert updated["AmountOwing"] == 2 * SOUP.price
        (listed,) = ask("GetOpenOrders", {"ServiceModeEntityID": "7"})["Orders"]
        assert listed["SalesTransactionID"] == created["SalesTransactionID"]
        paid = ask("CreatePayment", same | {"Payment": {"Name": "Card", "AmountSale": 10}})
        assert paid["OrderSummary"]["AmountOwing"] == 0
        till = background.pos.till
        assert orders_by_id(till) == {"an-order": 1}
        assert [payment.amount_sale for payment in till.payments] == [2 * SOUP.price]
        assert len(till.executed) == 6


def test_a_method_is_known_by_its_name(site: Site) -> None:
    with site.till() as (outlet, _):
        answer = site.backend.ask(outlet, 0, {"PIN": MANAGER.pin}, message_type="GetUserFromPIN")
        assert answer.json()["payload"]["UserName"] == MANAGER.name


def test_the_location_gives_the_answer_to_a_caller_that_did_not_wait(site: Site) -> None:
    with site.till() as (outlet, background):
        answer = site.backend.ask(outlet, "CreateOrder", soup("an-order"), mode="async")
        assert answer.status_code == 202
        assert answer.json()["location"] == answer.headers["Location"]
        found = site.backend.outcome(answer.headers["Location"])
        assert (found["state"], found["times_sent"]) == ("answered", 1)
        assert found["answer"]["Order"]["ServiceModeEntityID"] == "7"
        moments = [found[name] for name in ("received_at", "sent_at", "ended_at")]
        assert moments == sorted(moments)
        assert orders_by_id(background.pos.till) == {"an-order": 1}


def test_a_transient_request_is_answered_and_recorded_afterwards(site: Site) -> None:
    with site.till() as (outlet, _):
        answer = site.backend.ask(outlet, "GetOpenOrders", {}, durable=False)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "answered")
        assert len(answer.json()["payload"]["Orders"]) == 3
        (row,) = eventually(lambda: requests_of(site.api_server, outlet), what="the poll is recorded")
        assert (row["state"], row["times_sent"]) == ("answered", 1)


@pytest.mark.parametrize("durable", [True, False])
def test_a_refusal_by_the_pos_is_an_outcome_with_its_code_and_message(site: Site, durable: bool) -> None:
    with site.till() as (outlet, _):
        answer = site.backend.ask(outlet, "GetUserFromPIN", {"PIN": "0000"}, durable=durable)
        assert answer.status_code == 200
        found = answer.json()
        assert (found["outcome"], found["payload"]) == ("refused", None)
        assert found["result_code"] != 0
        assert found["error_message"]


def test_an_unknown_outlet_is_404(site: Site) -> None:
    outlet = Credentials(str(uuid.uuid4()), "unknown", "nobody's secret")
    answer = site.backend.ask(outlet, "GetOpenOrders")
    assert (answer.status_code, kind_of(answer)) == (404, "unknown-outlet")


def test_another_organisations_outlet_is_404(site: Site) -> None:
    site.pos_server.enable_outlet(f"Theirs {uuid.uuid4()}")
    backend = Backend.of(site.api_server, "--organisation=Single")
    with site.till() as (outlet, background):
        assert kind_of(backend.ask(outlet, "GetOpenOrders")) == "unknown-outlet"
        assert backend.get(f"outlets/{outlet.provider_outlet_id}").status_code == 404
        assert background.pos.till.executed == []


def test_a_key_of_one_organisation_lists_the_requests_of_its_outlets_newest_first(site: Site) -> None:
    outlets = [site.pos_server.enable_outlet(f"Listed {uuid.uuid4()}") for _ in range(2)]
    backend = Backend.of(site.api_server, "--organisation=Single")
    sent = [
        backend.ask(outlets[number % 2], "GetOpenOrders", mode="async", expires_in=60).json()["id"]
        for number in range(6)
    ]
    site.backend.ask(site.pos_server.supply_outlet(), "GetOpenOrders", mode="async", expires_in=60)
    listed: list[str] = []
    path = "requests?limit=4"
    while path and len(listed) < len(sent):
        page = backend.get(path).json()
        listed += [each["id"] for each in page["results"]]
        path = page["next"]
    assert listed == sent[::-1]


def test_a_request_id_with_different_content_is_409_and_sends_nothing(site: Site) -> None:
    with site.till() as (outlet, background):
        first = site.backend.ask(outlet, "CreateOrder", soup("an-order"), request_id="a")
        assert first.status_code == 200
        answer = site.backend.ask(outlet, "CreateOrder", soup("another-order"), request_id="a")
        assert (answer.status_code, kind_of(answer)) == (409, "request-id-reused")
        assert background.pos.till.executed == ["a"]


def test_a_disabled_outlet_is_409(site: Site) -> None:
    with site.till() as (outlet, background):
        site.pos_server.disable(outlet)
        answer = site.backend.ask(outlet, "GetOpenOrders")
        assert (answer.status_code, kind_of(answer)) == (409, "integration-disabled")
        assert background.pos.till.executed == []


@pytest.mark.parametrize("durable", [True, False])
def test_an_offline_pos_is_503_with_retry_after_and_stores_no_request(site: Site, durable: bool) -> None:
    outlet = site.pos_server.supply_outlet()
    answer = site.backend.ask(outlet, "GetOpenOrders", durable=durable)
    assert (answer.status_code, kind_of(answer)) == (503, "pos-offline")
    assert int(answer.headers["Retry-After"]) >= 1
    assert requests_of(site.api_server, outlet) == []


def test_a_slow_pos_is_504_with_a_location_that_gives_the_answer_later(site: Site) -> None:
    with site.till(plan=Plan(delay=(1.5, 1.5))) as (outlet, background):
        answer = site.backend.ask(outlet, "CreateOrder", soup("an-order"), timeout=1)
        assert (answer.status_code, kind_of(answer)) == (504, "no-answer-yet")
        assert site.backend.outcome(answer.headers["Location"])["state"] == "answered"
        assert orders_by_id(background.pos.till) == {"an-order": 1}


def test_a_transient_request_that_the_pos_never_answers_is_504(site: Site) -> None:
    with site.till(plan=Plan(script=[Fault.NEVER])) as (outlet, _):
        answer = site.backend.ask(outlet, "GetOpenOrders", durable=False, timeout=1)
        assert (answer.status_code, kind_of(answer)) == (504, "request-expired")


def test_requests_wait_for_an_offline_pos_and_are_sent_in_order(site: Site) -> None:
    outlet = site.pos_server.supply_outlet()
    names = [f"order-{number}" for number in range(20)]
    places = []
    for name in names:
        answer = site.backend.ask(outlet, "CreateOrder", soup(name), request_id=name, mode="async", expires_in=60)
        assert answer.status_code == 202, answer.text
        places.append(answer.headers["Location"])
    with site.online(outlet) as background:
        assert {site.backend.outcome(place)["state"] for place in places} == {"answered"}
        assert background.pos.till.executed == names


def test_a_caller_waits_until_an_offline_pos_has_connected_and_answered(site: Site) -> None:
    outlet = site.pos_server.supply_outlet()
    with callers() as begin:
        waiting = begin(site.backend.ask, outlet, "CreateOrder", soup("an-order"), expires_in=60, timeout=20)
        eventually(lambda: requests_of(site.api_server, outlet))
        with site.online(outlet) as background:
            assert waiting.result(20).json()["outcome"] == "answered"
            assert orders_by_id(background.pos.till) == {"an-order": 1}


def test_a_request_expires_if_its_pos_does_not_connect_in_time(site: Site) -> None:
    outlet = site.pos_server.supply_outlet()
    answer = site.backend.ask(outlet, "CreateOrder", soup("an-order"), expires_in=1, timeout=1, mode="async")
    assert site.backend.outcome(answer.headers["Location"])["state"] == "expired"
    with site.online(outlet) as background:
        assert site.backend.ask(outlet, "GetOpenOrders").status_code == 200
        assert orders_by_id(background.pos.till) == {}


def test_a_request_cancelled_before_it_was_sent_is_never_sent(site: Site) -> None:
    outlet = site.pos_server.supply_outlet()
    places = [
        site.backend.ask(outlet, "CreateOrder", soup(name), mode="async", expires_in=60).headers["Location"]
        for name in ("taken-back", "kept")
    ]
    cancelled = site.backend.post(f"{places[0]}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    with site.online(outlet) as background:
        assert site.backend.outcome(places[1])["state"] == "answered"
        assert orders_by_id(background.pos.till) == {"kept": 1}
    assert site.backend.outcome(places[0])["state"] == "cancelled"


def test_a_waiting_caller_learns_that_its_request_was_cancelled(site: Site) -> None:
    outlet = site.pos_server.supply_outlet()
    with callers() as begin:
        waiting = begin(site.backend.ask, outlet, "CreateOrder", soup(), expires_in=60, timeout=20)
        (found,) = eventually(
            lambda: site.backend.get(f"requests?outlet={outlet.provider_outlet_id}").json()["results"]
        )
        assert site.backend.at(site.pos_server).post(f"requests/{found['id']}/cancel").status_code == 200
        answer = waiting.result(5)
    assert (answer.status_code, kind_of(answer)) == (409, "request-cancelled")


def test_a_sent_request_cannot_be_cancelled(site: Site) -> None:
    with site.till() as (outlet, _):
        answer = site.backend.ask(outlet, "CreateOrder", soup())
        refused = site.backend.post(f"requests/{answer.json()['id']}/cancel")
        assert (refused.status_code, kind_of(refused)) == (409, "not-cancellable")


def test_thirty_calls_with_one_request_id_create_one_request(site: Site) -> None:
    with site.till(plan=Plan(delay=(0.5, 0.5))) as (outlet, background), callers(30) as begin:
        backends = (site.backend, site.backend.at(site.pos_server))
        calls = [
            begin(backends[number % 2].ask, outlet, "CreateOrder", soup("an-order"), request_id="a")
            for number in range(30)
        ]
        answers = [call.result(40) for call in calls]
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        (row,) = requests_of(site.api_server, outlet)
        assert (row["state"], row["times_sent"]) == ("answered", 1)
        assert background.pos.till.executed == ["a"]
        assert orders_by_id(background.pos.till) == {"an-order": 1}


def test_any_payload_is_relayed_byte_for_byte_in_both_directions(site: Site) -> None:
    outlet = site.pos_server.supply_outlet()
    with echo_of(site, outlet) as seen:

        @settings(max_examples=30, suppress_health_check=list(HealthCheck))
        @given(UNKNOWN_TYPES, json_objects(), st.booleans())
        def check(message_type: int, payload: str, durable: bool) -> None:
            answer = site.backend.ask(outlet, message_type, payload, durable=durable)
            assert answer.status_code == 200, answer.text
            assert seen[-1] == payload
            assert answer.text.partition('"payload": ')[2] == payload + "}"

        check()


def json_objects() -> st.SearchStrategy[str]:
    """Generate the text of JSON objects with all that the syntax allows: spaces, escapes, exponents, repeated keys."""
    blanks = st.sampled_from(["", "", " ", "\n\t"])
    texts = st.one_of(st.text().map(json.dumps), characters().map(lambda text: json.dumps(text, ensure_ascii=False)))
    numbers = st.from_regex(r"\A-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,4})?\Z")
    leaves = st.one_of(st.sampled_from(["null", "true", "false", "0.10", "-0", "1E400"]), numbers, texts)
    values = st.recursive(leaves, lambda inner: st.one_of(lists(inner, blanks), objects(texts, inner, blanks)))
    return objects(texts, values, blanks)


def characters() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]))


def lists(inner: st.SearchStrategy[str], blanks: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda items, blank: f"[{blank}{f'{blank},'.join(items)}]", st.lists(inner, max_size=4), blanks)


def objects(
    keys: st.SearchStrategy[str], inner: st.SearchStrategy[str], blanks: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    members = st.builds(lambda key, blank, value: f"{key}{blank}:{blank}{value}", keys, blanks, inner)
    return st.builds(
        lambda listed, blank: f"{{{blank}{f',{blank}'.join(listed)}{blank}}}", st.lists(members, max_size=4), blanks
    )


@contextmanager
def echo_of(site: Site, outlet: Credentials) -> Iterator[list[str]]:
    """Run a POS that answers each payload with the payload's own text; yield the list of payloads that it received."""
    seen: list[str] = []
    with connect(site.pos_server, token_for(site.pos_server, outlet)) as pos:
        echo = threading.Thread(target=echo_until_closed, args=(pos, seen))
        echo.start()
        eventually(lambda: site.backend.is_online(outlet))
        yield seen
    echo.join(10)


def echo_until_closed(pos: Pos, seen: list[str]) -> None:
    while True:
        try:
            frame = str(pos.recv(60))
        except ConnectionClosed:
            return
        seen.append(frame.partition('"Payload": ')[2].removesuffix("}"))
        request_id = json.dumps(json.loads(frame)["RequestID"])
        pos.send(f'{{"requestID": {request_id}, "ResultCode": 0, "ErrorMessage": null, "Payload": {seen[-1]}}}')
