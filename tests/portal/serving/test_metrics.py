"""Tests the contents and the access control of /metrics, and that each event is counted once."""

import re
from typing import Any

from django import get_version
from django.test import override_settings
from prometheus_client.parser import text_string_to_metric_families

from integrations.models import Request
from integrations.models.attempt import Outcome
from integrations.services import metrics
from integrations.services.audit import Actor
from integrations.services.requests.ending import cancel
from portal.asgi import application
from portal.serving import metrics as exposition
from portal.web.proxies import ProxyHeaders
from tests.backend.operations import operations
from tests.support.asgi_client import Answer, PosSocket, authenticate, request
from tests.support.backend_client import Backend, Pos, make_outlet
from tests.support.in_process import InProcess, in_main, recorded, until

TOKEN = "a-token-of-the-scraper"
OPEN = override_settings(METRICS_TOKEN=TOKEN, METRICS_NETWORKS=[])


class Access(InProcess):
    async def test_the_metrics_are_off_by_default(self) -> None:
        answer = await request("GET", "/metrics")
        assert answer.status == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert "METRICS_TOKEN" in answer.json()["detail"]

    @OPEN
    async def test_only_the_configured_token_gives_access(self) -> None:
        assert (await scrape()).status == 200
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}):
            answer = await request("GET", "/metrics", headers=headers)
            assert (answer.status, answer.json()["type"]) == (403, "urn:order-n-pay:problem:metrics-not-for-you")

    @override_settings(METRICS_NETWORKS=["::ffff:10.0.0.0/104", "2001:db8::/32"])
    async def test_only_an_address_in_the_networks_has_access(self) -> None:
        for address, status in [
            ("10.1.2.3", 200),
            ("::ffff:10.1.2.3", 200),
            ("2001:db8::7", 200),
            ("11.1.2.3", 403),
            ("nonsense", 403),
        ]:
            assert (await request("GET", "/metrics", client=address)).status == status

    @override_settings(METRICS_NETWORKS=["10.0.0.0/8"], TRUSTED_PROXIES=["10.0.0.2"])
    async def test_a_forwarded_request_has_the_address_that_a_trusted_proxy_names_or_none(self) -> None:
        behind = ProxyHeaders(application, trusted=["10.0.0.2"], scheme="http")
        for proxy, said, status in (
            ("10.0.0.2", "10.9.9.9", 200),
            ("10.0.0.2", "203.0.113.9", 403),
            ("10.0.0.2", "garbage", 403),
            ("10.0.0.1", "10.9.9.9", 403),
            ("::ffff:10.0.0.2", "::ffff:10.9.9.9", 200),
        ):
            answer = await request("GET", "/metrics", client=proxy, headers={"x-forwarded-for": said}, app=behind)
            assert answer.status == status, (proxy, said)

    @override_settings(METRICS_NETWORKS=["10.0.0.0/8"], TRUSTED_PROXIES=[])
    async def test_a_request_through_an_untrusted_proxy_has_no_address(self) -> None:
        answer = await request("GET", "/metrics", client="10.0.0.1", headers={"x-forwarded-for": "10.9.9.9"})
        assert answer.status == 403

    @override_settings(METRICS_NETWORKS=["10.0.0.0/8"])
    async def test_without_a_configured_token_an_empty_one_gives_no_access(self) -> None:
        answer = await request("GET", "/metrics", headers={"authorization": "Bearer "})
        assert answer.status == 403


@OPEN
class Figures(InProcess):
    async def test_every_family_has_a_help_text_and_a_conventional_name(self) -> None:
        families = list(text_string_to_metric_families((await scrape()).body.decode()))
        assert all(family.documentation for family in families)
        ours = [family for family in families if not family.name.startswith("process_")]
        assert all(re.fullmatch(r"onp_[a-z_]+", family.name) for family in ours)
        counters = [family.name for family in ours if family.type == "counter"]
        assert "onp_authentications" in counters

    async def test_authentications_are_counted_by_their_outcome(self) -> None:
        outlet = await make_outlet()
        before = await figures()
        await authenticate(outlet.handover.as_wire())
        await authenticate(outlet.handover.as_wire() | {"AuthSecret": "wrong"})
        await authenticate(b"{")
        assert grown(before, await figures(), "onp_authentications_total") == {
            "accepted": 1,
            "wrong_secret": 1,
            "malformed": 1,
        }

    async def test_refused_handshakes_are_counted_by_their_reason(self) -> None:
        before = await figures()
        async with PosSocket("forged") as socket:
            await socket.refusal()
        assert grown(before, await figures(), "onp_handshakes_refused_total") == {"token_forged": 1}

    async def test_connections_are_counted_while_they_are_open_and_when_they_end(self) -> None:
        outlet = await make_outlet()
        before = await figures()
        async with await Pos.of(outlet) as pos:
            await recorded()
            during = await figures()
            await pos.disconnect()
        after = await figures()
        assert one(during, "onp_connections_open") == 1
        assert one(after, "onp_connections_open") == 0
        assert one(after, "onp_connections_opened_total") - one(before, "onp_connections_opened_total") == 1
        assert grown(before, after, "onp_connections_closed_total") == {"by_pos": 1}

    async def test_an_answered_request_is_counted_once_with_its_duration(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        before = await figures()
        async with await Pos.of(outlet) as pos, backend.begin(outlet, durable=True) as call:
            pos.answers(await pos.next_frame())
            assert (await call.next())["status"] == 200
        after = await figures()
        assert grown(before, after, "onp_requests_total") == {"answered": 1}
        assert one(after, "onp_request_duration_seconds_count") - one(before, "onp_request_duration_seconds_count") == 1

    async def test_a_cancelled_request_is_counted_once(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        before = await figures()
        await backend.ask(outlet, mode="async", expires_in=600)
        row = await in_main(Request.objects.get)
        assert await in_main(cancel, row, actor=Actor("tests"))
        assert not await in_main(cancel, row, actor=Actor("tests"))
        assert grown(before, await figures(), "onp_requests_total") == {"cancelled": 1}

    async def test_a_refused_call_is_counted_by_its_problem(self) -> None:
        before = await figures()
        await Backend("wrong").get("outlets")
        assert grown(before, await figures(), "onp_api_problems_total") == {"invalid-api-key": 1}

    async def test_each_operation_has_a_count_of_internal_errors_before_the_first_one(self) -> None:
        names = {each.id for each in await in_main(operations)}
        counted = {
            sample.labels["operation"]
            for family in text_string_to_metric_families((await scrape()).body.decode())
            for sample in family.samples
            if sample.name == "onp_api_calls_total" and sample.labels["status"] == "500"
        }
        assert names <= counted

    async def test_a_call_is_counted_by_its_operation_and_status_and_head_like_get(self) -> None:
        backend = await Backend.make()
        before = calls_counted()
        await backend.get("api-key")
        await backend.call("HEAD", "api-key")
        await backend.get("api-key?unknown=1")
        await backend.call("DISPATCH", "nowhere")
        after = calls_counted()
        counted = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
        assert counted == {("get_api_key", "200"): 2, ("get_api_key", "422"): 1, ("other", "404"): 1}

    async def test_waiting_requests_are_counted_in_the_database(self) -> None:
        outlet, backend = await make_outlet(), await Backend.make()
        await backend.ask(outlet, mode="async", expires_in=600)
        shown = await figures()
        assert shown["onp_requests_open", "queued"] == 1
        assert one(shown, "onp_requests_oldest_queued_timestamp_seconds") > 0
        assert (one(shown, "onp_outlets_enabled"), one(shown, "onp_outlets_online")) == (1, 0)

    async def test_the_recorder_shows_its_written_records(self) -> None:
        outlet = await make_outlet()
        before = await figures()
        await authenticate(outlet.handover.as_wire())
        await recorded()
        after = await figures()
        assert one(after, "onp_recorder_batch_rows_count") - one(before, "onp_recorder_batch_rows_count") == 1
        assert after["onp_loop_last_run_timestamp_seconds", "recorder"] > 0

    async def test_the_watcher_shows_its_last_poll(self) -> None:
        await recorded()
        await until(lambda: metrics.loops.labels("watcher")._value.get() > 0)

    async def test_the_running_versions_are_shown(self) -> None:
        text = (await scrape()).body.decode()
        django = re.escape(get_version())
        assert re.search(rf'onp_build_info\{{django="{django}"[^}}]+version="0\.1\.0"\}} 1', text)


def test_every_outcome_is_present_from_the_start() -> None:
    assert set(metrics.authentications) == set(Outcome)


async def scrape() -> Answer:
    exposition._kept = (-exposition.FIGURES_KEPT, None)
    return await request("GET", "/metrics", headers={"authorization": f"Bearer {TOKEN}"})


async def figures() -> dict[Any, float]:
    """Return the value of each sample by its name, or by name and label value if it has exactly one label."""
    answer = await scrape()
    return {
        (sample.name, *sample.labels.values()) if len(sample.labels) == 1 else sample.name: sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def one(shown: dict[Any, float], name: str) -> float:
    return shown[name]


def grown(before: dict[Any, float], after: dict[Any, float], name: str) -> dict[str, float]:
    """Return the increase of each series of this metric, keyed by label value; leave out series that did not grow."""
    series = [key for key in after if isinstance(key, tuple) and key[0] == name]
    growth = {key[1]: after[key] - before.get(key, 0) for key in series}
    return {label: much for label, much in growth.items() if much}


def calls_counted() -> dict[tuple[str, str], float]:
    """Return how many API calls were counted, by operation and status."""
    samples = [sample for family in metrics.api_calls.collect() for sample in family.samples]
    return {
        (each.labels["operation"], each.labels["status"]): each.value
        for each in samples
        if each.name.endswith("_total")
    }
