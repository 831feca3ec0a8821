"""Calls to wrong paths get a helpful answer, probes work, and the runtime starts and stops with the server."""

import asyncio
import json
import logging
from unittest import mock

from integrations.models import AuthAttempt
from integrations.models.attempt import Outcome
from integrations.pos.messages import MAX_AUTH_BODY
from integrations.relay import runtime
from portal.serving import lifespan
from tests.pos.asking import Asking
from tests.support.asgi_client import AUTH_PATH, Run, request
from tests.support.in_process import InProcess, recorded
from tests.support.tables import table_away


class Around(InProcess):
    async def test_a_browser_at_the_root_is_redirected_to_the_portal(self) -> None:
        answer = await request("GET", "/")
        assert (answer.status, answer.headers["location"]) == (302, "/admin/")

    async def test_healthz_reports_that_the_process_answers(self) -> None:
        assert (await request("GET", "/healthz")).status == 200

    async def test_readyz_is_503_while_the_server_drains(self) -> None:
        assert (await request("GET", "/readyz")).status == 200
        (await runtime.running()).is_draining = True
        assert (await request("GET", "/readyz")).status == 503
        assert (await request("GET", "/healthz")).status == 200

    async def test_the_runtime_starts_and_stops_with_the_server(self) -> None:
        async with Run({"type": "lifespan"}) as run:
            run.send({"type": "lifespan.startup"})
            assert (await run.next())["type"] == "lifespan.startup.complete"
            assert runtime.current() is not None
            run.send({"type": "lifespan.shutdown"})
            assert (await run.next())["type"] == "lifespan.shutdown.complete"
            assert runtime.current() is None

    async def test_a_server_stops_although_background_work_does_not_end_and_logs_what_that_awaits(self) -> None:
        async def never_ends() -> None:
            await asyncio.Event().wait()

        await runtime.running()
        with (
            mock.patch.object(runtime, "stop", never_ends),
            mock.patch.object(lifespan, "BACKGROUND_STOP_SECONDS", 0.01),
            self.assertLogs(lifespan.logger) as logs,
        ):
            async with Run({"type": "lifespan"}) as run:
                run.send({"type": "lifespan.startup"})
                run.send({"type": "lifespan.shutdown"})
                assert (await run.next())["type"] == "lifespan.startup.complete"
                assert (await run.next())["type"] == "lifespan.shutdown.complete"
        assert any("never_ends > Event.wait" in str(vars(line)["task"]) for line in logs.records)

    async def test_a_server_starts_while_its_database_is_unavailable(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        async with table_away("integrations_serverprocess"), Run({"type": "lifespan"}) as run:
            run.send({"type": "lifespan.startup"})
            assert (await run.next())["type"] == "lifespan.startup.complete"
            run.send({"type": "lifespan.shutdown"})
            assert (await run.next())["type"] == "lifespan.shutdown.complete"


class Misdirected(Asking):
    PATHS = (
        f"{AUTH_PATH}x", f"/x{AUTH_PATH}", f"{AUTH_PATH}/token", "/api/powerepos/v2/auth", "/api/powerepos/auth",
        "/powerepos/v1/auth", "/api/v1/auth", "/auth", "/", "//", "/api", "/api/powerepos/v1/", f"{AUTH_PATH};x=1",
        "/api/./powerepos/v1/auth", "\\api\\powerepos\\v1\\auth", "/%2561pi/powerepos/v1/auth",
        "/api/power\u200bepos/v1", "/api/Power\x00EPOS/v1/auth", "/api/powerepos/v1/" + "x" * 1000,
    )  # fmt: skip

    async def test_a_similar_path_gets_the_right_one_in_json(self) -> None:
        body = json.dumps(self.good).encode()
        for path in self.PATHS:
            message = self.refused(await request("POST", path, [body]), 404)
            assert f"http://127.0.0.1:8000{AUTH_PATH}" in message, path

    async def test_a_call_to_a_similar_path_is_recorded_for_the_outlet_that_it_names(self) -> None:
        await request("POST", "/api/power\u200bepos/v1", [json.dumps(self.good).encode()])
        await recorded()
        attempt = await AuthAttempt.objects.aget()
        assert (attempt.outcome, attempt.integration_id) == (Outcome.WRONG_PATH, self.harbour.integration.pk)
        assert attempt.detail == "The path was /api/power[U+200B ZERO WIDTH SPACE]epos/v1"
        assert attempt.pos_remote_id == self.good["POSRemoteID"]

    async def test_a_call_to_a_similar_path_is_recorded_even_without_a_readable_body(self) -> None:
        for body in (b"", b"{", b"\xff\xfe", b"[]"):
            self.refused(await request("POST", "/auth", [body]), 404)
        await recorded()
        assert await AuthAttempt.objects.filter(outcome=Outcome.WRONG_PATH, integration=None).acount() == 4

    async def test_a_secret_in_the_path_is_not_recorded(self) -> None:
        await request("POST", f"{AUTH_PATH}/{self.good['AuthSecret']}", [b"{}"])
        await recorded()
        assert (await AuthAttempt.objects.aget()).detail == f"The path was {AUTH_PATH}/[redacted]"

    async def test_another_method_is_refused_with_405_in_json_and_recorded(self) -> None:
        for number, method in enumerate(("GET", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"), start=1):
            answer = await request(method, f"/{AUTH_PATH}")
            assert f"POST to http://127.0.0.1:8000{AUTH_PATH}" in self.refused(answer, 405)
            assert answer.headers["allow"] == "POST"
            await recorded()
            details = [row async for row in AuthAttempt.objects.order_by("pk").values_list("detail", flat=True)]
            assert (len(details), details[-1].partition(".")[0]) == (number, f"The method {method} is not allowed")

    async def test_a_body_that_is_too_large_is_recorded_with_its_reason(self) -> None:
        self.refused(await request("POST", AUTH_PATH, [b"x" * (MAX_AUTH_BODY + 1)]), 413)
        await recorded()
        assert (await AuthAttempt.objects.aget()).detail == "The request body is larger than 16 KiB."

    async def test_a_flood_of_calls_to_wrong_paths_is_sampled(self) -> None:
        for number in range(50):
            await request("POST", f"{AUTH_PATH}/{number}", [b"{}"])
        await recorded()
        assert await AuthAttempt.objects.acount() == 20

    async def test_pages_with_similar_paths_are_not_affected(self) -> None:
        for call in ("GET /", "GET /auth", "GET /admin/auth/user/", "POST /admin/auth/group/"):
            method, path = call.split()
            answer = await request(method, path)
            assert not answer.headers.get("content-type", "").startswith("application/json"), path
        await recorded()
        assert await AuthAttempt.objects.acount() == 0
