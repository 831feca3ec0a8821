"""The API authenticates keys, lists outlets, and answers while the database is unavailable."""

import asyncio
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import override_settings
from django.utils import timezone

from integrations.backend.base import problems
from integrations.models import ApiKey, ApiKeySecret
from integrations.models.api_key import READING_SCOPES
from integrations.relay import runtime
from integrations.services.api_keys.api_keys import change_api_key
from integrations.services.requests import ending
from integrations.services.requests.request_types import NotStored, TooLate
from integrations.services.rows import remembered
from tests.backend.answers import kind_of
from tests.support.asgi_client import request
from tests.support.backend_client import API, Backend, Pos, make_outlet, organisation
from tests.support.factories import ANNA
from tests.support.factories import make_outlet as make_bare_outlet
from tests.support.in_process import InProcess, in_main, recorded

FIXED = ("/organisations", "/message-types", "/api-key")  # paths of calls without parameters


class Heads(InProcess):
    async def test_head_answers_like_get_without_a_body(self) -> None:
        backend, outlet = await Backend.make(), await make_outlet()
        known = f"/outlets/{outlet.handover.provider_outlet_id}"
        for path in ("/outlets", known, "/outlets/unknown", "/requests", f"/requests/{uuid.uuid4()}", *FIXED):
            got, head = [await request(name, f"{API}{path}", headers=backend._headers) for name in ("GET", "HEAD")]
            assert (head.status, head.body) == (got.status, b""), path
            assert head.headers["content-length"] == got.headers["content-length"], path
            assert head.headers["content-type"] == got.headers["content-type"], path
        sending = await request("HEAD", f"{API}{known}/requests", headers=backend._headers)
        assert (sending.status, sending.headers["allow"]) == (405, "POST")
        assert (await request("PUT", f"{API}/outlets", headers=backend._headers)).headers["allow"] == "GET, HEAD, POST"
        assert (await request("HEAD", f"{API}/outlets")).status == 401


class Authentication(InProcess):
    async def test_a_call_without_a_key_learns_how_to_send_one(self) -> None:
        answer = await request("GET", f"{API}/outlets")
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert kind_of(answer) == "invalid-api-key"

    async def test_a_key_of_another_kind_is_refused_with_the_beginning_of_an_api_key(self) -> None:
        answer = await request("GET", f"{API}/outlets", headers={"Authorization": "Bearer eyJhbGciOiJIUzI1NiJ9"})
        assert (answer.status, kind_of(answer)) == (401, "invalid-api-key")
        assert answer.json()["detail"] == "This is not an API key; API keys begin with ONPK-."

    async def test_a_call_with_two_keys_is_refused(self) -> None:
        backend, outlet = await Backend.make(), await make_outlet()
        run = backend.begin(outlet)
        run.scope["headers"].append((b"authorization", f"Bearer {backend.key}".encode()))
        async with run:
            assert (await run.next())["status"] == 401

    async def test_a_mistyped_key_is_reported_as_mistyped(self) -> None:
        key = (await Backend.make()).key
        wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
        answer = await Backend(wrong).get("outlets")
        assert answer.status == 401
        assert "mistyped" in answer.json()["detail"]

    async def test_a_key_in_lower_case_is_accepted(self) -> None:
        backend = await Backend.make()
        assert (await Backend(backend.key.lower()).get("outlets")).status == 200

    async def test_an_unknown_key_and_a_text_that_is_no_key_are_refused(self) -> None:
        for key in ("letmein", "ONPS-B14E4-1S386-1A5ZJ-T66X2-B0004-ZCMMK-HT46K", "\xff", "ONPK", ""):
            assert (await Backend(key).get("outlets")).status == 401

    async def test_a_retired_and_an_expired_key_are_refused(self) -> None:
        changes: dict[str, dict[str, Any]] = {
            "retired": {"is_current": False, "retired_at": timezone.now()},
            "expired": {"expires_at": timezone.now()},
        }
        for name, change in changes.items():
            backend = await Backend.make(name)
            assert (await backend.get("outlets")).status == 200
            newest = await in_main(ApiKeySecret.objects.latest, "pk")
            await in_main(ApiKeySecret.objects.filter(pk=newest.pk).update, **change)
            remembered.forget()  # a service that changes keys does this too; other processes notice after a second
            assert (await backend.get("outlets")).status == 401

    async def test_the_last_use_is_recorded_in_the_next_batch(self) -> None:
        await (await Backend.make()).get("outlets")
        await recorded()
        assert (await in_main(ApiKeySecret.objects.get)).last_used_at is not None

    async def test_a_key_stored_under_an_old_server_key_is_accepted_and_stored_under_the_current_one(self) -> None:
        with override_settings(CREDENTIAL_KEY="the old one"):
            backend = await Backend.make()
        assert (await backend.get("outlets")).status == 401
        with override_settings(CREDENTIAL_KEY="the new one", CREDENTIAL_KEY_FALLBACKS=["the old one"]):
            assert (await backend.get("outlets")).status == 200
            await recorded()
        with override_settings(CREDENTIAL_KEY="the new one"):
            assert (await backend.get("outlets")).status == 200

    async def test_a_read_only_key_can_read_but_not_send(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make(scopes=READING_SCOPES)
        assert (await backend.get("outlets")).status == 200
        for answer in (await backend.ask(outlet), await backend.post(f"requests/{uuid.uuid4()}/cancel")):
            assert (answer.status, kind_of(answer)) == (403, "missing-scope")
            assert answer.json()["scope"] == "requests:send"
            assert "requests:send" in answer.json()["detail"]

    async def test_a_key_reads_its_own_owner_scopes_and_limits(self) -> None:
        owner = await in_main(organisation, "Bella")
        expires_at = timezone.now() + timedelta(days=1)
        limits: dict[str, Any] = {"scopes": ["events:read"], "networks": ["198.51.100.0/24"], "expires_at": expires_at}
        own = await (await Backend.make("own", organisation=owner, **limits)).get("api-key")
        assert own.json() == {
            "name": "own",
            "organisation": {"id": owner.pk, "name": "Bella"},
            "scopes": ["events:read"],
            "networks": ["198.51.100.0/24"],
            "calls_per_second": 100,
            "calls_burst": 100_000,
            "expires_at": own.json()["expires_at"],
        }
        assert datetime.fromisoformat(own.json()["expires_at"]) == expires_at
        unlimited = (await (await Backend.make("unlimited")).get("api-key")).json()
        assert [unlimited[name] for name in ("organisation", "networks", "expires_at")] == [None, [], None]

    async def test_a_key_is_refused_outside_its_networks(self) -> None:
        inside = await Backend.make("inside", networks=["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"])
        outside = await Backend.make("outside", networks=["203.0.113.0/24"])
        assert (await inside.get("outlets")).status == 200
        mapped = await Backend.make("mapped", networks=["::ffff:198.51.100.0/120"])
        assert (await mapped.get("api-key")).json()["networks"] == ["198.51.100.0/24"]
        answer = await outside.get("outlets")
        assert (answer.status, kind_of(answer)) == (403, "network-not-allowed")
        await recorded()
        used = ApiKeySecret.objects.filter(last_used_at__isnull=False).values_list("api_key__name", flat=True)
        assert await in_main(sorted, used) == ["inside", "mapped"]

    async def test_a_change_of_a_keys_access_applies_to_its_next_call(self) -> None:
        backend = await Backend.make("kiosk")
        assert (await backend.get("outlets")).status == 200
        key = await in_main(ApiKey.objects.get)
        access: dict[str, Any] = {"scopes": ["events:read"], "calls_per_second": 7, "calls_burst": 8}
        await in_main(change_api_key, key, **access, actor=ANNA)
        assert kind_of(await backend.get("outlets")) == "missing-scope"
        assert access.items() <= (await backend.get("api-key")).json().items()

    async def test_another_organisations_outlet_does_not_exist_for_a_key(self) -> None:
        outlet = await make_outlet()
        all_seeing = await Backend.make()
        stranger = await Backend.make("stranger", organisation=await in_main(organisation, "Other"))
        sent = await all_seeing.ask(outlet, mode="async", expires_in=60)
        path = f"outlets/{outlet.handover.provider_outlet_id}"
        assert (await stranger.get("outlets")).json()["results"] == []
        assert kind_of(await stranger.get(path)) == "unknown-outlet"
        assert kind_of(await stranger.ask(outlet)) == "unknown-outlet"
        assert kind_of(await stranger.get(f"requests?outlet={outlet.handover.provider_outlet_id}")) == "unknown-outlet"
        assert kind_of(await stranger.get(f"requests/{sent.json()['id']}")) == "unknown-request"
        assert kind_of(await stranger.post(f"requests/{sent.json()['id']}/cancel")) == "unknown-request"
        assert (await stranger.get("requests")).json()["results"] == []
        assert (await all_seeing.get(path)).status == 200

    async def test_an_unknown_address_or_method_is_a_problem_too(self) -> None:
        backend = await Backend.make()
        assert kind_of(await backend.get("nothing")) == "not-found"
        assert kind_of(await backend.get("outlets/no%00thing")) == "unknown-outlet"
        assert kind_of(await backend.get("outlets/no\x00thing")) == "unknown-outlet"
        assert kind_of(await backend.post("requests")) == "method-not-allowed"

    async def test_a_draining_portal_accepts_no_requests(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        (await runtime.running()).is_draining = True
        answer = await backend.ask(outlet)
        assert (answer.status, kind_of(answer)) == (503, "restarting")
        assert int(answer.headers["retry-after"]) > 0


class Outlets(InProcess):
    async def test_outlets_are_listed_page_by_page(self) -> None:
        backend = await Backend.make()
        for number in range(5):
            await make_outlet(f"Outlet {number}")
        seen = []
        link = "outlets?limit=2"
        while link:
            answer = await backend.get(link)
            page = answer.json()
            assert len(page["results"]) <= 2
            seen += [row["name"] for row in page["results"]]
            assert answer.headers.get("link") == (page["next"] and f'<{page["next"]}>; rel="next"')
            link = page["next"] and page["next"].removeprefix(f"{settings.PUBLIC_URL}{API}/")
        assert seen == [f"Outlet {number}" for number in range(5)]

    async def test_an_outlet_shows_the_state_of_its_pos(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await in_main(make_bare_outlet, "Harbour")
        async with await Pos.of(outlet) as pos:
            await recorded()
            online = (await backend.get("outlets?online=true&organisation=Trattoria%20Bella")).json()["results"]
            offline = (await backend.get("outlets?online=false")).json()["results"]
            await pos.disconnect()
        await recorded()
        assert [(row["name"], row["integration"], row["online"]) for row in online] == [("Station", "enabled", True)]
        assert [(row["name"], row["integration"], row["disabled_reason"], row["since"]) for row in offline] == [
            ("Harbour", "not_enabled", "", None)
        ]
        gone = (await backend.get(f"outlets/{outlet.handover.provider_outlet_id}")).json()
        assert gone["online"] is False
        assert gone["last_seen"] == gone["since"] is not None

    async def test_a_misspelled_filter_is_refused_and_not_ignored(self) -> None:
        backend = await Backend.make()
        for query in ("onlin=true", "online=yes", "limit=0", "limit=9999", "cursor=%21", "limit=1&limit=2", "cursor="):
            answer = await backend.get(f"outlets?{query}")
            assert (answer.status, kind_of(answer)) == (422, "invalid-input"), query
        for query in (
            "state=lost",
            "since=yesterday",
            "ended_since=noon",
            "since=2026-01-01T00:00:00",
            "since=0001-01-01T00:00:00%2B14:00",
        ):
            assert (await backend.get(f"requests?{query}")).status == 422, query


class TheDatabase(InProcess):
    async def test_while_the_database_is_unavailable_calls_are_refused_and_afterwards_they_continue(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        async with await Pos.of(outlet) as pos:
            running = await runtime.running()
            dispatcher = running.dispatcher
            whole = dispatcher._submitter._store._query
            dispatcher._submitter._store._query = _away
            answer = await backend.ask(outlet, request_id="r")
            assert (answer.status, kind_of(answer)) == (503, "database-away")
            assert "retry-after" in answer.headers
            dispatcher._submitter._store._query = whole
            asking = asyncio.ensure_future(backend.ask(outlet, request_id="r"))
            frame = await pos.next_frame()
            dispatcher._endings._ends._query = _away
            pos.answers(frame, '{"n": 1}')
            await asyncio.sleep(0)
            dispatcher._endings._ends._query = ending.end
            assert (await asking).json()["payload"] == {"n": 1}


def _away(_keys: Any) -> Any:
    raise OperationalError("away")


@pytest.mark.parametrize("refusal", [each for each in NotStored.__subclasses__() if each is not TooLate], ids=str)
def test_each_reason_not_to_store_a_request_has_a_problem(refusal: type[NotStored]) -> None:
    assert 400 <= problems.answer(refusal()).status < 600
    assert problems.answer(refusal()).status != problems.FAULT.status
