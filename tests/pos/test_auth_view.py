"""The complete application's answers to POST /api/powerepos/v1/auth: statuses, bodies and headers."""

import json
import logging
from typing import Any
from unittest import mock

from django.test import override_settings

from integrations.models import AuthAttempt
from integrations.models.attempt import Outcome
from integrations.pos import tokens
from integrations.pos.access import attempt_recording, exchange
from integrations.pos.limits.throttle import Sampler
from integrations.pos.messages import MAX_AUTH_BODY
from integrations.relay import runtime
from integrations.security.secret_digests import SecretKind, generate
from integrations.services.integration.enabling import disable
from portal.asgi import application
from portal.web.proxies import ProxyHeaders
from tests.pos.asking import Asking
from tests.support.asgi_client import AUTH_PATH, Answer, Run, authenticate, request
from tests.support.factories import ADOPTED, ANNA, make_enabled_outlet
from tests.support.in_process import in_main, recorded
from tests.support.tables import table_away


class Succeeding(Asking):
    async def test_success_is_200_with_an_access_token_and_nothing_else(self) -> None:
        answer = await authenticate(self.good)
        assert answer.status == 200
        assert list(answer.json()) == ["AccessToken"]
        assert tokens.read(answer.json()["AccessToken"]).integration_id == self.harbour.integration.pk
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/json"
        assert int(answer.headers["content-length"]) == len(answer.body)

    async def test_many_authentications_subscribe_to_changes_of_outlets_once(self) -> None:
        for _ in range(3):
            await authenticate(self.good)
        assert (await runtime.running()).watcher._on_change == [exchange._forgive]

    async def test_a_trailing_slash_makes_no_difference_and_there_is_no_redirect(self) -> None:
        body = json.dumps(self.good).encode()
        assert (await request("POST", f"{AUTH_PATH}/", [body])).status == 200

    async def test_letter_case_surplus_slashes_and_hidden_edges_of_the_path_make_no_difference(self) -> None:
        body = json.dumps(self.good).encode()
        for path in (
            f"{AUTH_PATH}//", f"/{AUTH_PATH}", "/api//powerepos///v1/auth/", AUTH_PATH.upper(),
            "/API/PowerEPOS/V1/Auth/", f"{AUTH_PATH} ", f"{AUTH_PATH}\r\n", f"{AUTH_PATH}\u200b", f"/ {AUTH_PATH}",
        ):  # fmt: skip
            assert (await request("POST", path, [body])).status == 200, path

    async def test_the_content_type_makes_no_difference(self) -> None:
        for kind in (
            "application/json; charset=utf-8", "application/json; charset=UTF-16", "text/plain", "text/json",
            "application/vnd.api+json", "application/x-www-form-urlencoded", "multipart/form-data", "nonsense", "",
        ):  # fmt: skip
            assert (await authenticate(self.good, headers={"content-type": kind})).status == 200, kind
        assert (await request("POST", AUTH_PATH, [json.dumps(self.good).encode()])).status == 200

    async def test_the_accept_header_makes_no_difference(self) -> None:
        for kind in ("text/html", "image/png", "nonsense", "*/*;q=0"):
            assert (await authenticate(self.good, headers={"accept": kind})).status == 200, kind

    async def test_a_byte_order_mark_and_keys_in_any_letter_case_are_accepted(self) -> None:
        lower = {name.lower(): value for name, value in self.good.items()} | {"unknown": None}
        assert (await authenticate(b"\xef\xbb\xbf" + json.dumps(lower).encode())).status == 200

    async def test_a_body_in_many_pieces_is_reassembled(self) -> None:
        body = json.dumps(self.good).encode()
        assert (await request("POST", AUTH_PATH, [body[n : n + 1] for n in range(len(body))])).status == 200

    async def test_a_query_string_a_cookie_and_a_foreign_host_make_no_difference(self) -> None:
        body = json.dumps(self.good).encode()
        headers = {
            "cookie": "sessionid=x; csrftoken=y",
            "host": "some.other.host",
            "origin": "https://elsewhere.example",
        }
        assert (await request("POST", f"{AUTH_PATH}?a=b", [body], headers=headers)).status == 200

    @override_settings(SECURE_SSL_REDIRECT=True)
    async def test_a_pos_is_never_redirected_to_https(self) -> None:
        assert (await authenticate(self.good)).status == 200

    async def test_an_adopted_secret_gets_a_token_too(self) -> None:
        station = await in_main(make_enabled_outlet, "Station", adopted_secret=ADOPTED)
        answer = await authenticate({
            "ProviderOutletID": station.handover.provider_outlet_id,
            "POSRemoteID": station.handover.pos_remote_id,
            "AuthSecret": ADOPTED,
        })  # fmt: skip
        assert answer.status == 200


class Malforming(Asking):
    async def test_a_body_that_is_not_json_is_refused_with_400(self) -> None:
        for body in (b"", b"{", b"a=b", b"\xff\xfe", b"\x00", b"[" * 10_000):
            self.refused(await authenticate(body), 400)

    async def test_json_that_is_not_an_object_is_refused_with_400(self) -> None:
        for content in ([], None, 7, "x", [self.good]):
            self.refused(await authenticate(content), 400)

    async def test_an_invalid_field_is_refused_with_400_and_named(self) -> None:
        for name in self.good:
            values: list[Any] = [None, "", " ", 7, [], {}, "x" * 300, "a\x00b"]
            for value in values:
                message = self.refused(await authenticate(self.good | {name: value}), 400)
                assert name in message
            missing = {key: value for key, value in self.good.items() if key != name}
            assert name in self.refused(await authenticate(missing), 400)

    async def test_a_body_of_16_kib_is_read_and_a_larger_one_refused_with_413(self) -> None:
        body = json.dumps(self.good).encode()
        assert (await authenticate(body.ljust(MAX_AUTH_BODY))).status == 200
        self.refused(await authenticate(body.ljust(MAX_AUTH_BODY + 1)), 413)

    async def test_an_endless_body_is_refused_with_413_before_it_ends(self) -> None:
        scope: dict[str, Any] = {
            "type": "http", "method": "POST", "path": AUTH_PATH, "raw_path": b"", "root_path": "", "query_string": b"",
            "headers": [], "client": ("198.51.100.7", 1), "server": ("127.0.0.1", 8000), "scheme": "http",
            "http_version": "1.1",
        }  # fmt: skip
        async with Run(scope) as run:
            for _ in range(17):
                run.send({"type": "http.request", "body": b"x" * 1024, "more_body": True})
            assert (await run.next())["status"] == 413

    async def test_a_client_that_disconnects_during_its_request_gets_no_answer_and_causes_no_error(self) -> None:
        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": AUTH_PATH, "headers": [], "client": None}
        async with Run(scope) as run:
            run.send({"type": "http.request", "body": b"{", "more_body": True})
            run.send({"type": "http.disconnect"})
            await run.ended()
            assert not run.has_more()

    async def test_other_methods_are_refused_with_405_and_allow(self) -> None:
        for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
            answer = await request(method, AUTH_PATH)
            self.refused(answer, 405)
            assert answer.headers["allow"] == "POST"

    async def test_head_is_refused_with_405_and_no_body(self) -> None:
        answer = await request("HEAD", AUTH_PATH)
        assert (answer.status, answer.headers["allow"], answer.body) == (405, "POST", b"")

    async def test_a_malformed_request_is_recorded_with_the_reason_and_without_the_body(self) -> None:
        await runtime.running()
        await authenticate(self.good | {"POSRemoteID": 7})
        await recorded()
        row = await AuthAttempt.objects.aget()
        assert (row.outcome, row.detail) == (Outcome.MALFORMED, "POSRemoteID must be a string.")
        assert self.good["AuthSecret"] not in repr(row.__dict__)

    async def test_a_malformed_request_is_recorded_with_the_ids_that_it_sent(self) -> None:
        await authenticate(self.good | {"ProviderOutletID": "", "AuthSecret": None})
        await authenticate(self.good | {"AuthSecret": ""})
        await authenticate({"ProviderOutletID": "a\x00b", "POSRemoteID": "x" * 300})
        await recorded()
        empty, without_secret, unreadable = [row async for row in AuthAttempt.objects.order_by("pk")]
        harbour, outlet_id, own = self.harbour.integration, self.good["ProviderOutletID"], self.good["POSRemoteID"]
        assert (empty.provider_outlet_id, empty.pos_remote_id, empty.pos_remote_id_of_id) == ("", own, harbour.pk)
        assert (without_secret.integration_id, without_secret.provider_outlet_id) == (harbour.pk, outlet_id)
        assert (unreadable.provider_outlet_id, unreadable.pos_remote_id, unreadable.integration_id) == ("", "", None)

    async def test_the_first_malformed_request_of_a_fresh_process_is_recorded_too(self) -> None:
        await authenticate(b"nonsense")
        await recorded()
        assert await AuthAttempt.objects.acount() == 1


class Refusing(Asking):
    async def test_an_unknown_outlet_and_a_wrong_secret_are_the_same_401(self) -> None:
        unknown = await authenticate(self.good | {"ProviderOutletID": "nobody"})
        wrong = await authenticate(self.good | {"AuthSecret": generate(SecretKind.POS_SECRET)})
        assert self.refused(unknown, 401) == self.refused(wrong, 401)
        assert (unknown.headers, unknown.body) == (wrong.headers, wrong.body)

    async def test_a_mistyped_secret_is_reported_as_mistyped(self) -> None:
        answer = await authenticate(self.good | {"AuthSecret": generate(SecretKind.POS_SECRET)[:-1]})
        assert "mistyped" in self.refused(answer, 401)

    async def test_a_caller_with_the_right_secret_learns_of_a_wrong_pos_remote_id(self) -> None:
        assert "POSRemoteID" in self.refused(await authenticate(self.good | {"POSRemoteID": "other"}), 401)
        guess = self.good | {"POSRemoteID": "other", "AuthSecret": generate(SecretKind.POS_SECRET)}
        assert "POSRemoteID" not in self.refused(await authenticate(guess), 401)

    async def test_a_caller_with_the_right_secret_learns_that_the_integration_is_disabled(self) -> None:
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        assert "disabled" in self.refused(await authenticate(self.good), 403)
        self.refused(await authenticate(self.good | {"AuthSecret": generate(SecretKind.POS_SECRET)}), 401)

    async def test_no_refusal_repeats_the_secret(self) -> None:
        secret = self.good["AuthSecret"]
        for change in ({"POSRemoteID": "other"}, {"ProviderOutletID": "nobody"}, {"AuthSecret": secret + "0"}):
            assert secret.encode() not in (await authenticate(self.good | change)).body

    async def test_no_refusal_asks_for_a_password_in_a_browser(self) -> None:
        assert "www-authenticate" not in (await authenticate(self.good | {"POSRemoteID": "other"})).headers


class Throttling(Asking):
    async def guess(self, **kwargs: Any) -> Answer:
        return await authenticate(self.good | {"AuthSecret": generate(SecretKind.POS_SECRET)}, **kwargs)

    async def test_beyond_the_limit_of_failures_the_answer_is_429_with_retry_after(self) -> None:
        for _ in range(10):
            self.refused(await self.guess(), 401)
        answer = await self.guess()
        self.refused(answer, 429)
        assert answer.headers["retry-after"] == "15"
        assert (await authenticate(self.good)).status == 200

    async def test_meanwhile_the_right_secret_is_accepted_from_another_address(self) -> None:
        for _ in range(12):
            await self.guess(client="203.0.113.66")
        assert (await authenticate(self.good)).status == 200

    async def test_the_header_of_an_untrusted_proxy_is_ignored(self) -> None:
        for number in range(10):
            await self.guess(headers={"x-forwarded-for": f"192.0.2.{number}", "forwarded": f"for=192.0.2.{number}"})
        self.refused(await self.guess(), 429)
        await recorded()
        addresses = AuthAttempt.objects.values_list("address", flat=True)
        assert {address async for address in addresses} == {"198.51.100.7"}

    async def test_the_header_of_a_trusted_proxy_names_the_client(self) -> None:
        behind = ProxyHeaders(application, trusted=["10.0.0.0/8"], scheme="https")
        headers = {"x-forwarded-for": "192.0.2.1"}
        for _ in range(10):
            await self.guess(headers=headers, client="10.1.2.3", app=behind)
        self.refused(await self.guess(headers=headers, client="10.1.2.3", app=behind), 429)
        another = {"x-forwarded-for": "192.0.2.2"}
        self.refused(await self.guess(headers=another, client="10.1.2.3", app=behind), 401)

    async def test_refusals_create_a_bounded_number_of_rows_for_any_number_of_addresses(self) -> None:
        with mock.patch.object(attempt_recording, "_of_all_addresses", Sampler(burst=30)):
            for number in range(40):
                await authenticate(b"[]", client=f"2001:db8:{number:x}::1")
                await authenticate(self.good | {"ProviderOutletID": f"x-{number}"}, client=f"2001:db8:a{number:x}::1")
            self.refused(await authenticate(self.good | {"POSRemoteID": "other"}, client="2001:db8:b::1"), 401)
            await recorded()
        assert await AuthAttempt.objects.acount() == 31, "a known outlet's refusal has its place among them"

    async def test_one_ipv6_network_creates_as_many_rows_as_one_address(self) -> None:
        for number in range(60):
            await authenticate(b"[]", client=f"2001:db8::{number:x}")
        await recorded()
        assert await AuthAttempt.objects.acount() == 20


class Failing(Asking):
    async def test_while_the_database_is_unavailable_the_answer_is_503_with_retry_after(self) -> None:
        await runtime.running()
        async with table_away("integrations_credential"):
            answer = await authenticate(self.good)
        self.refused(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
        assert (await authenticate(self.good)).status == 200

    async def test_while_the_server_drains_the_answer_is_503_with_retry_after(self) -> None:
        (await runtime.running()).is_draining = True
        answer = await authenticate(self.good)
        self.refused(answer, 503)
        assert "retry-after" in answer.headers

    async def test_an_internal_error_is_500_in_the_usual_format_without_details(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        await runtime.running()
        with override_settings(AUTH_FAILURES_PER_OUTLET="ten"):
            answer = await authenticate(self.good | {"AuthSecret": generate(SecretKind.POS_SECRET)})
        assert "Internal error" in self.refused(answer, 500)


@override_settings(POS_REFUSALS_AS_200=True)
class AnsweringAlways200(Asking):
    async def test_a_refusal_is_answered_with_200_and_the_error_message(self) -> None:
        for content in (
            {},
            self.good | {"POSRemoteID": "other"},
            self.good | {"AuthSecret": generate(SecretKind.POS_SECRET)},
        ):
            self.refused(await authenticate(content), 200)
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        self.refused(await authenticate(self.good), 200)

    async def test_a_blocked_caller_is_answered_with_200_too(self) -> None:
        for _ in range(10):
            await authenticate(self.good | {"AuthSecret": generate(SecretKind.POS_SECRET)})
        answer = await authenticate(self.good | {"AuthSecret": generate(SecretKind.POS_SECRET)})
        assert "Too many" in self.refused(answer, 200)

    async def test_a_request_with_an_error_is_answered_with_200_too(self) -> None:
        too_large = self.refused(await authenticate(b"x" * (MAX_AUTH_BODY + 1)), 200)
        other_method = self.refused(await request("GET", AUTH_PATH), 200)
        for path in ("/api/powerepos/v2/auth", f"{AUTH_PATH}/token", "/"):
            assert "nothing at this path" in self.refused(await request("POST", path, [b"{}"]), 200)
        assert "16 KiB" in too_large
        assert "POST" in other_method

    async def test_an_internal_error_keeps_its_status(self) -> None:
        (await runtime.running()).is_draining = True
        self.refused(await authenticate(self.good), 503)
