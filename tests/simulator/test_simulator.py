"""The simulated POS: its answers, its reconnects, its end, and that it imports nothing of the server."""

import ast
import asyncio
import io
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import IsolatedAsyncioTestCase

import pytest
from django.core.management import execute_from_command_line
from websockets.asyncio.server import ServerConnection

from integrations.simulator import (
    BackgroundPos,
    Credentials,
    SimulatedPos,
    Timing,
    WrongCredentialsError,
    json_text,
    load_till,
    messages,
)
from integrations.simulator.answers import answer
from integrations.simulator.backoff import BackOff
from integrations.simulator.catalogue import Catalogue
from integrations.simulator.connection import RefusedError
from integrations.simulator.dialling import retry_after_seconds
from integrations.simulator.example import MANAGER, TRAINEE, WAITER, example_till
from integrations.simulator.journal import Journal
from integrations.simulator.orders import Line, Lock
from integrations.simulator.till import Till
from tests.support.project import PROJECT
from tests.support.simulator_portal import SECRET, TOKEN, FakePortal, ask, refusal, within

MANAGER_ONLY = Catalogue(users=(MANAGER,))
NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
PIN_REQUEST = {
    "RequestID": "60a6f3c4-4043-49a2-b317-8807b77d9685",
    "ProviderID": 12345,
    "ProviderName": "Example Provider",
    "DeviceID": "DeviceABC123",
    "UserIdentifier": None,
    "MessageType": 0,
    "Payload": {"PIN": "1234"},
}
ORDERS_REQUEST = PIN_REQUEST | {
    "RequestID": "593c1c6d-4c8f-4507-96e0-b6a0b5e8071f",
    "UserIdentifier": MANAGER.user_id,
    "MessageType": 1,
    "Payload": {"ServiceModeEntityID": "", "UserOrdersOnly": False},
}
SUMMARY_KEYS = [
    "SalesTransactionID",
    "ServiceModePrefix",
    "ServiceModeEntityID",
    "OrderNumberOpened",
    "OwnedBy_UserID",
    "CurrencyCode",
    "Amount",
    "AmountOwing",
    "InUse",
    "InUseByTerminalDisplayID",
    "InUseByUserName",
]


def answer_text(request: dict[str, Any], till: Till | None = None) -> str:
    read = messages.read_request(json.dumps(request))
    return messages.write_answer(read, answer(till or example_till(), read))


def answer_to(request: dict[str, Any], till: Till | None = None) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(answer_text(request, till))
    return decoded


def order_numbers(answered: dict[str, Any]) -> list[str]:
    return [order["OrderNumberOpened"] for order in answered["Payload"]["Orders"]]


class Clockwork:
    """A clock that advances only when the POS sleeps, and a random source that always gives the longest pause."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pauses: list[float] = []

    @property
    def timing(self) -> Timing:
        return Timing(
            monotonic=lambda: self.seconds,
            now=lambda: NOON,
            uniform=lambda _low, high: high,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


# Answers


def test_a_known_pin_is_answered_with_the_user() -> None:
    assert answer_to(PIN_REQUEST) == {
        "RequestID": "60a6f3c4-4043-49a2-b317-8807b77d9685",
        "ResultCode": 0,
        "ErrorMessage": None,
        "MessageType": 0,
        "Payload": {"UserID": MANAGER.user_id, "UserName": "Manager", "CanMakePayments": True},
    }


def test_an_unknown_pin_is_refused_with_the_documented_code_and_text() -> None:
    assert answer_to(PIN_REQUEST | {"Payload": {"PIN": "0000"}}) == {
        "RequestID": "60a6f3c4-4043-49a2-b317-8807b77d9685",
        "ResultCode": 4,
        "ErrorMessage": "No user was found matching the specified logon!",
        "MessageType": 0,
        "Payload": None,
    }


def test_a_user_without_permission_is_found_and_marked_so() -> None:
    payload = answer_to(PIN_REQUEST | {"Payload": {"PIN": TRAINEE.pin}})["Payload"]
    assert payload == {"UserID": TRAINEE.user_id, "UserName": "Trainee", "CanMakePayments": False}


def test_open_orders_of_all_tables_are_answered_in_the_documented_format() -> None:
    answered = answer_to(ORDERS_REQUEST)
    assert order_numbers(answered) == ["S1000001", "S1000003", "S1000002"]
    assert answered["Payload"]["UserOrdersOnly"] is False
    assert all(list(order) == SUMMARY_KEYS for order in answered["Payload"]["Orders"])


def test_the_first_open_order_is_the_documented_example() -> None:
    assert answer_to(ORDERS_REQUEST)["Payload"]["Orders"][0] == {
        "SalesTransactionID": "1121008e-2769-46e2-918d-65e0291621a1",
        "ServiceModePrefix": "TBL",
        "ServiceModeEntityID": "1",
        "OrderNumberOpened": "S1000001",
        "OwnedBy_UserID": "f9248a0f-ba0c-4c80-b9f2-fe020b456ce4",
        "CurrencyCode": "GBP",
        "Amount": 5.0,
        "AmountOwing": 5.0,
        "InUse": False,
        "InUseByTerminalDisplayID": None,
        "InUseByUserName": None,
    }


def test_open_orders_can_be_filtered_by_table() -> None:
    payload = {"ServiceModeEntityID": "2", "UserOrdersOnly": False}
    assert order_numbers(answer_to(ORDERS_REQUEST | {"Payload": payload})) == ["S1000002"]


def test_a_table_without_orders_has_an_empty_list() -> None:
    payload = {"ServiceModeEntityID": "77", "UserOrdersOnly": False}
    assert answer_to(ORDERS_REQUEST | {"Payload": payload})["Payload"]["Orders"] == []


def test_open_orders_can_be_filtered_by_the_requesting_user() -> None:
    request = ORDERS_REQUEST | {"UserIdentifier": WAITER.user_id, "Payload": {"UserOrdersOnly": True}}
    answered = answer_to(request)
    assert order_numbers(answered) == ["S1000002"]
    assert answered["Payload"]["UserOrdersOnly"] is True


@pytest.mark.parametrize("identifier", [MANAGER.pin, MANAGER.user_id, MANAGER.user_id.upper()])
def test_a_user_identifier_is_a_pin_or_a_user_id(identifier: str) -> None:
    assert answer_to(ORDERS_REQUEST | {"UserIdentifier": identifier})["ResultCode"] == 0


@pytest.mark.parametrize("identifier", [None, "", "0000"])
def test_open_orders_are_refused_to_an_unknown_user(identifier: str | None) -> None:
    answered = answer_to(ORDERS_REQUEST | {"UserIdentifier": identifier})
    assert (answered["ResultCode"], answered["Payload"]) == (4, None)


def test_open_orders_are_refused_to_a_user_without_permission() -> None:
    answered = answer_to(ORDERS_REQUEST | {"UserIdentifier": TRAINEE.pin})
    assert answered["ResultCode"] == messages.USER_NOT_PERMITTED
    assert answered["ErrorMessage"] == "Trainee may not use this interface."


def test_a_locked_order_names_its_terminal_and_user() -> None:
    order = replace(example_till().orders[0], lock=Lock(terminal="T2", user_name="Waiter"))
    (summary,) = answer_to(ORDERS_REQUEST, Till(MANAGER_ONLY, orders=[order]))["Payload"]["Orders"]
    assert (summary["InUse"], summary["InUseByTerminalDisplayID"], summary["InUseByUserName"]) == (
        True,
        "T2",
        "Waiter",
    )


@pytest.mark.parametrize(
    ("amount", "written"), [("5.00", "5.0"), ("19.99", "19.99"), ("0.10", "0.1"), ("99999999999.99",) * 2]
)
def test_money_is_written_as_a_number_exact_to_the_cent(amount: str, written: str) -> None:
    line = Line(name="Soup", price=Decimal(amount), total=Decimal(amount))
    order = replace(example_till().orders[0], lines=(line,))
    assert f'"Amount": {written},' in answer_text(ORDERS_REQUEST, Till(MANAGER_ONLY, orders=[order]))


@pytest.mark.parametrize("spell", [str.lower, str.upper, lambda key: key[0].lower() + key[1:]])
def test_requests_are_read_with_keys_in_any_letter_case(spell: Any) -> None:
    request = {spell(key): value for key, value in PIN_REQUEST.items()} | {spell("Payload"): {spell("PIN"): "1234"}}
    answered = answer_to(request)
    assert (answered["RequestID"], answered["ResultCode"]) == (PIN_REQUEST["RequestID"], 0)


def test_an_unknown_message_type_is_refused_by_number() -> None:
    assert answer_to(PIN_REQUEST | {"MessageType": 77}) == {
        "RequestID": PIN_REQUEST["RequestID"],
        "ResultCode": messages.UNSUPPORTED_MESSAGE,
        "ErrorMessage": "This simulated POS does not know message type 77.",
        "MessageType": 77,
        "Payload": None,
    }


@pytest.mark.parametrize("payload", [None, [], "1234", {}, {"PIN": None}, {"PIN": 1234}])
def test_a_payload_without_a_pin_is_refused_and_named(payload: Any) -> None:
    answered = answer_to(PIN_REQUEST | {"Payload": payload})
    assert answered["ResultCode"] == messages.MALFORMED_PAYLOAD
    assert answered["ErrorMessage"] == "GetUserFromPIN needs the text PIN in its payload."


@pytest.mark.parametrize("payload", [{"ServiceModeEntityID": 2}, {"UserOrdersOnly": "false"}])
def test_a_filter_of_a_wrong_type_is_refused(payload: Any) -> None:
    assert answer_to(ORDERS_REQUEST | {"Payload": payload})["ResultCode"] == messages.MALFORMED_PAYLOAD


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "1e99999999999999999999", "0." + "1" * 5000])
@pytest.mark.parametrize(("key", "code"), [("Other", 0), ("PIN", messages.MALFORMED_PAYLOAD)])
def test_a_request_with_a_number_of_any_magnitude_is_answered(number: str, key: str, code: int) -> None:
    plain = json.dumps(PIN_REQUEST).replace('"PIN": "1234"', f'"PIN": "1234", "{key}": 0')
    read = messages.read_request(plain.replace(f'"{key}": 0', f'"{key}": {number}'))
    assert answer(example_till(), read).result_code == code


@pytest.mark.parametrize("number", ["9" * 5000, "1e99999999999999999999", "1" + "0" * 34 + "1"])
def test_a_number_that_is_too_large_to_compute_is_written_as_it_was_received(number: str) -> None:
    assert json_text.write(json_text.read(f'{{"a": {number}}}')) == f'{{"a": {number}}}'


def test_a_request_without_an_id_is_answered_with_null_as_its_id() -> None:
    assert answer_to({"MessageType": 0, "Payload": {"PIN": "1234"}})["RequestID"] is None


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ('{"MessageType": NaN}', "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ('{"MessageType": ' + "9" * 5000 + "}", "it has no whole number as MessageType"),
        ("[]", "it is not a JSON object"),
        ("null", "it is not a JSON object"),
        (b"{}", "it is binary"),
        ("{}", "it has no whole number as MessageType"),
        ('{"MessageType": "0"}', "it has no whole number as MessageType"),
        ('{"MessageType": true}', "it has no whole number as MessageType"),
        ('{"MessageType": 0, "RequestID": 7}', "its RequestID is neither text nor null"),
        ('{"MessageType": 0, "UserIdentifier": []}', "its UserIdentifier is neither text nor null"),
    ],
)
def test_a_frame_that_is_not_a_request_is_refused_with_a_reason(frame: str | bytes, reason: str) -> None:
    with pytest.raises(messages.NotARequestError, match=f"^{reason}$"):
        messages.read_request(frame)


# Back-off


def test_the_ceiling_of_the_back_off_doubles_from_one_second_to_sixty() -> None:
    back_off = BackOff(lambda _low, high: high)
    assert [back_off.next_pause() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_the_back_off_can_be_limited() -> None:
    back_off = BackOff(lambda _low, high: high, longest=0.5)
    assert [back_off.next_pause() for _ in range(3)] == [0.5, 0.5, 0.5]


def test_the_back_off_draws_from_zero_up_to_its_ceiling() -> None:
    back_off = BackOff(lambda low, high: low + (high - low) / 4)
    assert [back_off.next_pause(), back_off.next_pause()] == [0.25, 0.5]


def test_the_back_off_is_never_shorter_than_retry_after() -> None:
    assert BackOff(lambda low, _high: low).next_pause(at_least=30) == 30


def test_a_reset_back_off_starts_at_one_second() -> None:
    back_off = BackOff(lambda _low, high: high)
    back_off.next_pause()
    back_off.reset()
    assert back_off.next_pause() == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("7", 7),
        ("999999", 3600),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30),
        ("Sun, 01 Mar 2026 11:59:00 GMT", 0),
        ("Sun, 01 Mar 2026 12:00:30", 0),
        ("soon", 0),
        ("-5", 0),
        ("²", 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(header: str | None, seconds: float) -> None:
    assert retry_after_seconds(header, now=NOON) == seconds


# Credentials


def credentials_json(**changes: Any) -> str:
    values = {
        "ProviderOutletID": "outlet-1",
        "POSRemoteID": "TestOrg-1",
        "AuthSecret": SECRET,
        "AuthURL": "https://orders.example.com/api/powerepos/v1/auth",
        "WebsocketURL": "wss://orders.example.com",
    }
    return json.dumps({key: value for key, value in (values | changes).items() if value is not ...})


def test_credentials_are_read_from_the_output_of_enable_outlet() -> None:
    credentials = Credentials.from_json(credentials_json())
    assert credentials.auth_url == "https://orders.example.com/api/powerepos/v1/auth"
    assert credentials.websocket_url == "wss://orders.example.com/"
    assert (credentials.provider_outlet_id, credentials.pos_remote_id) == ("outlet-1", "TestOrg-1")
    assert credentials.auth_secret == SECRET


def test_credentials_may_begin_with_a_byte_order_mark_and_have_keys_in_any_letter_case() -> None:
    text = "\ufeff" + credentials_json().replace("AuthSecret", "authSECRET")
    assert Credentials.from_json(text).auth_secret == SECRET


def test_a_url_overrides_the_addresses_of_the_credentials() -> None:
    credentials = Credentials.from_json(credentials_json(AuthURL=..., WebsocketURL=...), url="http://[::1]:8000/")
    assert credentials.auth_url == "http://[::1]:8000/api/powerepos/v1/auth"
    assert credentials.websocket_url == "ws://[::1]:8000/"


def test_the_secret_is_not_in_the_repr_of_credentials() -> None:
    assert SECRET not in repr(Credentials.from_json(credentials_json()))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not JSON"),
        (f'{{"AuthSecret": "{SECRET}"', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "the JSON object that enable_outlet prints"),
        (credentials_json(AuthSecret=...), "lack AuthSecret"),
        (credentials_json(POSRemoteID=""), "lack POSRemoteID"),
        (credentials_json(AuthSecret="\ud800"), "lack AuthSecret"),
        (credentials_json(ProviderOutletID=7), "lack ProviderOutletID"),
        (credentials_json(AuthURL=...), "lack AuthURL"),
        (credentials_json(AuthURL="orders.example.com"), "AuthURL must begin with http:// or https://"),
        (credentials_json(WebsocketURL="https://x"), "WebsocketURL must begin with ws:// or wss://"),
        (credentials_json(WebsocketURL="wss://x/?token=1"), "must not have a login, query or fragment"),
        (credentials_json(AuthURL="http://me:pw@x/"), "must not have a login, query or fragment"),
    ],
)
def test_wrong_credentials_are_refused_in_one_line_without_the_secret(text: str, complaint: str) -> None:
    with pytest.raises(WrongCredentialsError, match=complaint) as caught:
        Credentials.from_json(text)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000",
        "ftp://x",
        "http://",
        "http://x:99999",
        "http://[x",
        "http://x/portal",
        "http://x y",
    ],
)
def test_a_url_that_is_not_a_portals_is_refused(url: str) -> None:
    with pytest.raises(WrongCredentialsError):
        Credentials.for_portal(url, provider_outlet_id="a", pos_remote_id="b", auth_secret="c")


def test_external_text_becomes_one_short_line_without_secrets() -> None:
    journal = Journal()
    journal.hide(SECRET, TOKEN)
    line = journal.plain(f"bad\r\n\x1b[31m {SECRET} {TOKEN}" + "x" * 500)
    assert line.startswith("bad   [31m [hidden] [hidden]xxx")
    assert len(line) <= 203


def test_a_very_short_secret_leaves_no_revealing_gaps_in_ordinary_words() -> None:
    journal = Journal()
    journal.hide("c")
    assert journal.plain("connection") == "connection"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"AccessToken": ""}', b'{"AccessToken": 7}', b'{"AccessToken": "\\ud800"}'],
)
def test_an_answer_without_a_valid_token_has_none(body: bytes) -> None:
    assert messages.find_access_token(body) is None


@pytest.mark.parametrize("body", ['{"accesstoken": "abc"}', '\ufeff{"AccessToken": "abc", "More": 1}'])
def test_a_token_is_read_in_any_letter_case_and_after_a_byte_order_mark(body: str) -> None:
    assert messages.find_access_token(body.encode()) == "abc"


# The connection


class Connected(IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.clockwork = Clockwork()
        self.portal = await self.enterAsyncContext(FakePortal())

    def pos(self, **options: Any) -> SimulatedPos:
        return SimulatedPos(self.portal.credentials, timing=self.clockwork.timing, **options)

    @asynccontextmanager
    async def connected_pos(self) -> AsyncIterator[tuple[SimulatedPos, ServerConnection]]:
        async with self.pos() as pos:
            socket = await self.portal.next_socket()
            await pos.wait_for_connections()
            yield pos, socket

    async def test_it_requests_a_token_and_opens_the_socket_with_it(self) -> None:
        async with self.connected_pos() as (pos, _socket):
            assert pos.is_connected
        assert self.portal.auth_bodies == [
            {"ProviderOutletID": "outlet-1", "POSRemoteID": "TestOrg-1", "AuthSecret": SECRET}
        ]
        assert self.portal.websocket_paths == [f"/?token={TOKEN}"]

    async def test_it_answers_requests_over_the_socket(self) -> None:
        async with self.connected_pos() as (_pos, socket):
            assert (await ask(socket, PIN_REQUEST))["Payload"]["UserName"] == "Manager"
            assert order_numbers(await ask(socket, ORDERS_REQUEST)) == ["S1000001", "S1000003", "S1000002"]

    async def test_frames_that_are_not_requests_are_reported_and_do_not_end_the_connection(self) -> None:
        async with self.connected_pos() as (pos, socket):
            for frame in ("not JSON", "[]", b"\x00\x01"):
                await socket.send(frame)
            assert (await ask(socket, PIN_REQUEST))["ResultCode"] == 0
            assert pos.journal.ignored_frames == 3
            assert "ignored a frame: it is binary" in pos.journal.lines
            assert pos.closures == []

    async def test_a_close_by_the_portal_is_recorded_with_code_and_reason(self) -> None:
        async with self.connected_pos() as (pos, socket):
            await socket.close(4001, "replaced")
            closure = await pos.wait_for_closures()
        assert (closure.code, closure.reason, closure.by_us) == (4001, "replaced", False)
        assert "connection closed by the portal, code 4001 (replaced)" in pos.journal.lines

    async def test_a_broken_link_is_recorded_as_1006(self) -> None:
        async with self.connected_pos() as (pos, socket):
            socket.transport.abort()
            assert (await pos.wait_for_closures()).code == 1006

    async def test_it_reconnects_after_a_close_with_a_new_token(self) -> None:
        async with self.connected_pos() as (pos, socket):
            await socket.close()
            await pos.wait_for_connections(2)
        assert len(self.portal.auth_bodies) == 2

    async def test_stopping_closes_with_1000(self) -> None:
        async with self.connected_pos() as (pos, socket):
            await pos.stop()
            await within(socket.wait_closed())
        assert socket.close_code == 1000
        assert (pos.closures[0].code, pos.closures[0].by_us) == (1000, True)
        assert not pos.is_connected

    async def test_a_refusal_has_the_portals_message_and_is_retried(self) -> None:
        self.portal.auth_script.append(refusal(401, "The auth secret was not valid!"))
        async with self.connected_pos() as (pos, _socket):
            assert (pos.refusals[0].status, pos.refusals[0].message) == (
                401,
                "The auth secret was not valid!",
            )
        assert "refused by the auth endpoint (HTTP 401): The auth secret was not valid!" in pos.journal.lines

    async def test_a_refusal_with_status_200_is_a_refusal(self) -> None:
        self.portal.auth_script.append(refusal(200, "Disabled."))
        async with self.connected_pos() as (pos, _socket):
            assert pos.refusals[0].message == "Disabled."

    async def test_a_refused_handshake_has_the_message_and_is_retried_with_a_new_token(self) -> None:
        self.portal.handshake_script.append(refusal(401, "The token has expired."))
        async with self.connected_pos() as (pos, _socket):
            assert (pos.refusals[0].stage, pos.refusals[0].message) == ("websocket", "The token has expired.")
        assert len(self.portal.auth_bodies) == 2

    async def test_a_redirect_of_the_handshake_is_a_refusal(self) -> None:
        self.portal.handshake_script.append(refusal(302, "Moved.", Location=self.portal.credentials.websocket_url))
        async with self.connected_pos() as (pos, _socket):
            assert pos.refusals[0].status == 302

    async def test_the_pauses_double_while_it_is_refused(self) -> None:
        self.portal.auth_script.extend([refusal(401, "No.")] * 8)
        async with self.connected_pos():
            assert self.clockwork.pauses == [1, 2, 4, 8, 16, 32, 60, 60]

    async def test_the_pauses_honour_retry_after_of_both_endpoints(self) -> None:
        self.portal.auth_script.append(refusal(429, "Slow down.", Retry_After="40"))
        self.portal.handshake_script.append(refusal(503, "Restarting.", Retry_After="Sun, 01 Mar 2026 12:00:10 GMT"))
        async with self.connected_pos():
            assert self.clockwork.pauses == [41, 12]

    async def test_a_connection_that_stayed_up_resets_the_back_off(self) -> None:
        self.portal.auth_script.extend([refusal(401, "No.")] * 3)
        async with self.connected_pos() as (pos, socket):
            self.clockwork.seconds += 5
            await socket.close()
            await pos.wait_for_connections(2)
        assert self.clockwork.pauses == [1, 2, 4, 1]

    async def test_a_connection_that_ended_at_once_does_not_reset_the_back_off(self) -> None:
        self.portal.auth_script.extend([refusal(401, "No.")] * 3)
        async with self.connected_pos() as (pos, socket):
            self.clockwork.seconds += 4.9
            await socket.close()
            await pos.wait_for_connections(2)
        assert self.clockwork.pauses == [1, 2, 4, 8]

    async def test_an_unreachable_portal_is_retried(self) -> None:
        nowhere = replace(self.portal.credentials, auth_url="http://127.0.0.1:9/")
        async with SimulatedPos(nowhere, timing=self.clockwork.timing) as pos:
            first = await pos.wait_for_refusals(2)
        assert (first.stage, first.status) == ("auth endpoint", None)

    async def test_an_unreachable_websocket_is_retried(self) -> None:
        nowhere = replace(self.portal.credentials, websocket_url="ws://127.0.0.1:9/")
        async with SimulatedPos(nowhere, timing=self.clockwork.timing) as pos:
            first = await pos.wait_for_refusals(2)
        assert (first.stage, first.status) == ("websocket", None)

    async def test_with_once_the_first_refusal_ends_it(self) -> None:
        self.portal.auth_script.append(refusal(403, "Disabled."))
        with pytest.raises(RefusedError, match="Disabled"):
            await within(self.pos(once=True).run())
        assert self.clockwork.pauses == []

    async def test_waiting_fails_at_once_with_the_reason_if_the_pos_has_ended(self) -> None:
        self.portal.auth_script.append(refusal(403, "Disabled."))
        async with self.pos(once=True) as pos:
            with pytest.raises(RuntimeError, match="Disabled"):
                await pos.wait_for_connections()

    async def test_a_wait_that_times_out_shows_the_lines_of_the_pos(self) -> None:
        async with self.connected_pos() as (pos, _socket):
            with pytest.raises(TimeoutError, match="connected to ws://"):
                await pos.wait_for_closures(limit=0.01)

    async def test_neither_secret_nor_token_is_ever_printed(self) -> None:
        self.portal.auth_script.append(refusal(401, f"{SECRET} is wrong"))
        self.portal.handshake_script.append(refusal(401, f"{TOKEN} is void"))
        async with self.connected_pos() as (pos, socket):
            await ask(socket, PIN_REQUEST | {"RequestID": TOKEN})
            await socket.close(4000, TOKEN)
            await pos.wait_for_closures()
        said = "\n".join(pos.journal.lines)
        assert "[hidden] is wrong" in said
        assert SECRET not in said
        assert TOKEN not in said

    async def test_it_can_run_in_its_own_thread(self) -> None:
        closure = await asyncio.to_thread(self.meet_from_a_thread, asyncio.get_running_loop())
        assert (closure.code, closure.reason) == (4002, "enough")

    def meet_from_a_thread(self, loop: asyncio.AbstractEventLoop) -> Any:
        with BackgroundPos(self.portal.credentials) as background:
            background.wait_for_connections()
            assert background.pos.is_connected
            asyncio.run_coroutine_threadsafe(self.close_next_socket(), loop)
            return background.wait_for_closures()

    async def close_next_socket(self) -> None:
        await (await self.portal.next_socket()).close(4002, "enough")


# The command


@pytest.mark.processes
class SimulatePosCommand(IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.portal = await self.enterAsyncContext(FakePortal())

    async def test_ctrl_c_closes_with_1000_and_exits_with_0(self) -> None:
        await self.assert_signal_ends_cleanly(signal.SIGINT)

    async def test_sigterm_closes_with_1000_and_exits_with_0(self) -> None:
        await self.assert_signal_ends_cleanly(signal.SIGTERM)

    async def test_a_signal_while_it_waits_to_retry_exits_with_0(self) -> None:
        self.portal.auth_script.append(refusal(429, "Slow down.", Retry_After="600"))
        process = await start_command("--credentials", "-", given=self.portal.credentials_json)
        await read_until(process, "next attempt in 600.")
        process.send_signal(signal.SIGINT)
        assert (await finish(process))[0] == 0

    async def test_the_three_values_and_a_url_replace_a_file(self) -> None:
        process = await start_command(*VALUES, "--url", "http://127.0.0.1:9", "--once")
        code, output, errors = await finish(process)
        assert (code, errors) == (1, "")
        assert "requesting a token from http://127.0.0.1:9/api/powerepos/v1/auth" in output

    async def test_many_outlets_run_in_one_process_and_their_lines_name_them(self) -> None:
        process = await start_command("--credentials", "-", "--count", "2", given=self.portal.json_lines(3))
        sockets = [await self.portal.next_socket() for _ in range(2)]
        await read_until(process, "'outlet-2': connected to ws://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        code, output, errors = await finish(process)
        assert (code, errors, [socket.close_code for socket in sockets]) == (0, "", [1000, 1000])
        assert output.endswith(" ended\n")

    async def test_the_till_file_is_continued_in_the_next_run(self) -> None:
        folder = Path(self.enterContext(TemporaryDirectory()))
        for _ in range(2):
            process = await start_command(
                "--credentials", "-", "--till", str(folder / "till.json"), given=self.portal.credentials_json
            )
            socket = await self.portal.next_socket()
            assert (await ask(socket, PIN_REQUEST))["ResultCode"] == 0
            process.send_signal(signal.SIGINT)
            await finish(process)
        assert load_till(folder / "till.json").executed == [PIN_REQUEST["RequestID"]]

    async def test_with_once_a_refusal_exits_with_1(self) -> None:
        self.portal.auth_script.append(refusal(401, "The auth secret was not valid!"))
        process = await start_command("--credentials", "-", "--once", given=self.portal.credentials_json)
        code, output, errors = await finish(process)
        assert (code, errors) == (1, "")
        assert "refused by the auth endpoint (HTTP 401): The auth secret was not valid!" in output

    async def test_a_wrong_command_line_exits_with_1(self) -> None:
        code, output, errors = await finish(await start_command(*VALUES))
        assert (code, output, "Missing: --url" in errors, errors.count("\n")) == (1, "", True, 1)

    async def assert_signal_ends_cleanly(self, number: signal.Signals) -> None:
        process = await start_command("--credentials", "-", given=self.portal.credentials_json)
        socket = await self.portal.next_socket()
        await read_until(process, "connected to ws://127.0.0.1:")
        process.send_signal(number)
        code, output, errors = await finish(process)
        assert (code, socket.close_code, errors) == (0, 1000, "")
        assert output.endswith(" ended\n")


VALUES = ("--provider-outlet-id", "a", "--pos-remote-id", "b", "--auth-secret", SECRET)


@pytest.mark.parametrize(
    ("arguments", "given", "complaint"),
    [
        ((), "", "Missing: --url, --provider-outlet-id, --pos-remote-id, --auth-secret"),
        (VALUES, "", "Missing: --url"),
        ((*VALUES, "--url", "nonsense"), "", "The URL must begin with http:// or https://"),
        ((*VALUES, "--credentials", "-"), "", "not both"),
        (("--credentials", "no-such-file.json"), "", "Cannot read the credentials: No such file"),
        (("--credentials", "tests"), "", "Cannot read the credentials: Is a directory"),
        (("--credentials", "-"), "", "The credentials are not JSON"),
        (("--credentials", "-"), "{}", "The credentials lack AuthURL"),
        (("--credentials", "-", "--misbehave", "sulk=1"), "", "The faults are late, never, twice"),
        (("--credentials", "-", "--misbehave", "twice=2"), "", "Each probability must be from 0 to 1"),
        (("--credentials", "-", "--delay", "2:1"), "", "A delay must be 0 or more"),
        (("--credentials", "-", "--message-number", "CreateOrder"), "", "as in CreateOrder=10"),
        (("--credentials", "-", "--message-number", "CreateOrder=12"), credentials_json(), "the same message number"),
        (("--credentials", "-", "--till", "README.md"), credentials_json(), "This is not a saved till"),
        (("--credentials", "-", "--till", "tests"), credentials_json(), "Is a directory"),
        (("--count", "1"), "", "--count needs --credentials"),
        (("--count", "2", "--credentials", "-"), credentials_json(), "--count may be 1 to 1"),
    ],
)
def test_a_wrong_command_line_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    given: str,
    complaint: str,
) -> None:
    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", "simulate_pos", *arguments])
    output, errors = capsys.readouterr()
    assert ended.value.code in (1, 2)
    assert output == ""
    assert len(errors.splitlines()) == 1
    assert complaint in errors
    assert SECRET not in errors


async def start_command(*arguments: str, given: str = "") -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        "simulate_pos",
        *arguments,
        cwd=PROJECT,
        env={"DJANGO_SETTINGS_MODULE": "tests.settings"} | os.environ | {"PYTHONWARNINGS": "error"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(given.encode())
    process.stdin.close()
    return process


async def read_until(process: asyncio.subprocess.Process, text: str) -> None:
    assert process.stdout is not None
    while text.encode() not in (line := await within(process.stdout.readline())):
        assert line, f"The command ended before it said {text!r}."


async def finish(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    """Return the exit code and the unread rest of standard output and standard error."""
    output, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


# Imports


SERVER_PACKAGES = {"", "integrations", "portal", "django", "channels", "rest_framework", "tests"}


def simulator_files() -> list[Path]:
    return sorted((PROJECT / "integrations" / "simulator").rglob("*.py"))


def imported_names(source: str) -> Iterator[str]:
    """Yield the absolute names of all imports anywhere in a module; a relative import keeps its dots."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def is_of_the_server(name: str) -> bool:
    if name.startswith("integrations.simulator."):
        return False
    return name.partition(".")[0] in SERVER_PACKAGES


@pytest.mark.parametrize("path", simulator_files(), ids=lambda path: path.name)
def test_the_simulator_imports_nothing_of_the_server(path: Path) -> None:
    assert [name for name in imported_names(path.read_text()) if is_of_the_server(name)] == []


@pytest.mark.parametrize(
    "source",
    [
        "import django",
        "from django.conf import settings",
        "from integrations import models",
        "def f():\n    from integrations.pos.tokens import issue",
        "from .. import services",
        "from integrations.simulator_extra import x",
    ],
)
def test_an_import_of_the_server_would_be_noticed(source: str) -> None:
    assert any(is_of_the_server(name) for name in imported_names(source))


@pytest.mark.parametrize("module", ["importlib", "builtins"])
def test_the_simulator_imports_nothing_by_name_at_run_time(module: str) -> None:
    text = "".join(path.read_text() for path in simulator_files())
    assert f"import {module}" not in text
    assert "__import__" not in text
