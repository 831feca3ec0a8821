"""The answers to a load balancer's probes, and the requests that probes may send."""

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings

from integrations.relay import runtime
from portal.serving import probes
from tests.support.asgi_client import Answer, request
from tests.support.in_process import InProcess, in_main

LAST = MigrationLoader(None).graph.leaf_nodes("integrations")[0][1]


class Readiness(InProcess):
    def setUp(self) -> None:
        probes._is_migrated = False

    async def test_each_part_is_named_while_the_server_is_ready(self) -> None:
        await runtime.running()
        answer = await request("GET", "/readyz")
        assert answer.status == 200
        assert answer.json() == {
            "status": "ready",
            "process": "serving",
            "database": "reachable",
            "migrations": "applied",
            "layer": "none",
        }

    async def test_a_process_that_drains_is_not_ready(self) -> None:
        (await runtime.running()).is_draining = True
        assert parts(await request("GET", "/readyz"), 503)["process"] == "draining"

    async def test_a_process_is_not_ready_until_the_migrations_are_applied(self) -> None:
        await in_main(recorder().record_unapplied, "integrations", LAST)
        try:
            assert parts(await request("GET", "/readyz"), 503)["migrations"] == "pending"
        finally:
            await in_main(recorder().record_applied, "integrations", LAST)
        assert (await request("GET", "/readyz")).status == 200

    async def test_applied_migrations_are_not_checked_again(self) -> None:
        assert (await request("GET", "/readyz")).status == 200
        await in_main(recorder().record_unapplied, "integrations", LAST)
        try:
            assert (await request("GET", "/readyz")).status == 200
        finally:
            await in_main(recorder().record_applied, "integrations", LAST)

    @override_settings(ALLOWED_HOSTS=["portal.example.com"], SECURE_SSL_REDIRECT=True)
    async def test_a_probe_may_use_plain_http_and_any_address_of_the_machine(self) -> None:
        for path in ("/healthz", "/readyz"):
            assert (await request("GET", path, headers={"host": "10.0.0.7:8000"})).status == 200

    async def test_a_probe_may_use_head_but_not_post(self) -> None:
        head = await request("HEAD", "/healthz")
        assert (head.status, head.body) == (200, b"")
        assert (await request("POST", "/healthz")).status == 405


def parts(answer: Answer, status: int) -> dict[str, str]:
    assert answer.status == status
    content: dict[str, str] = answer.json()
    assert content["status"] == "not ready"
    return content


def recorder() -> MigrationRecorder:
    return MigrationRecorder(connection)
