"""The doctor command with real servers: healthy ones, and one whose Redis has died."""

import io
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
import psycopg_pool
import pytest
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from tests.live.callers.clients import request
from tests.live.conftest import NewStack
from tests.live.stack.postgres import SUPERUSER, Postgres
from tests.live.stack.processes import Process, free_port
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Database, Depot, Stack
from tests.live.stack.waiting import eventually
from tests.support.environment import read_settings
from tests.support.project import PROJECT


def test_doctor_finds_no_fault_in_a_healthy_embedded_installation(new_stack: NewStack) -> None:
    stack = new_stack()
    done = stack.manage("doctor")
    assert done.returncode == 0, done.stdout
    assert "WRONG" not in done.stdout
    assert "handshake reaches the portal" in done.stdout


def test_doctor_checks_postgres_and_redis(depot: Depot, postgres: Postgres, tmp_path: Path) -> None:
    redis = Redis.create(tmp_path)
    redis.start()
    stack = depot.make("serve", postgres=postgres, redis=redis)
    try:
        found = findings(stack, 0)
        assert "of 197 connections" in found["database"][-1]["what"]
        redis.kill()
        assert findings(stack, 1)["layer"][0]["level"] == "wrong"
    finally:
        stack.close()
        redis.close()


def test_doctor_reports_a_database_that_is_down_among_its_other_findings(
    new_stack: NewStack, own_postgres: Postgres
) -> None:
    stack = new_stack(database="postgres", postgres=own_postgres)
    own_postgres.stop()
    found = findings(stack, 1)
    assert found["database"][0]["level"] == "wrong"
    assert found["public address"][0]["level"] == "fine"
    own_postgres.start()
    eventually(lambda: request(stack, "GET", "/readyz").status_code == 200, timeout=20, what="the server has it again")
    eventually(lambda: stack.manage("doctor").returncode == 0, what="it is fine again")


@pytest.mark.parametrize(
    ("fault", "said", "todo"),
    [
        ("closed port", "Connection refused", "Start PostgreSQL"),
        ("wrong password", "password authentication failed", "USER and PASSWORD"),
        ("missing role", 'role "nobody-here" does not exist', "Create the role"),
        ("missing database", 'database "not-there" does not exist', "Create the database"),
        ("unknown host", "nowhere.invalid", "Correct HOST"),
        ("hanging", "timeout", "stopped"),
    ],
)
def test_each_reason_why_postgresql_cannot_be_reached_is_reported_at_once(
    guarded: Postgres, tmp_path: Path, django_db_blocker: Any, fault: str, said: str, todo: str
) -> None:
    with (
        hanging_server() as silent,
        django_db_blocker.unblock(),
        database_of_this_process(url_with(fault, guarded.port, silent), tmp_path),
        # The doctor must not call this method, because each call would take 3 s or more.
        mock.patch.object(psycopg_pool.ConnectionPool, "getconn") as waiting,
    ):
        found = doctor()
    waiting.assert_not_called()
    (away,) = found["database"]
    assert (away["level"], said in away["what"], todo in away["todo"]) == ("wrong", True, True), away
    assert HIDDEN not in str(found)
    assert found["layer"][0]["level"] == "wrong"
    assert found.keys() >= {"addresses", "names", "disk", "public address"}


def test_two_servers_over_one_postgresql_need_redis(depot: Depot, postgres: Postgres, tmp_path: Path) -> None:
    stack = depot.make("serve", postgres=postgres, redis=None)
    command = [sys.executable, "manage.py", "serve", "--port", str(free_port())]
    second = Process(command, log=tmp_path / "second.log", env=stack.env, cwd=PROJECT)
    try:
        assert findings(stack, 0)["layer"][0]["level"] == "fine"
        second.start()
        eventually(lambda: stack.rows(PROCESSES) == [(2,)], timeout=20, what="both servers are registered")
        eventually(lambda: findings_of(stack)["layer"][0]["level"] == "wrong", what="two servers are seen")
        second.kill()
    finally:
        second.kill()
        stack.close()


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_doctor_reports_a_key_that_matches_no_stored_digest(
    request: pytest.FixtureRequest, depot: Depot, database: Database
) -> None:
    postgres = request.getfixturevalue("postgres") if database == "postgres" else None
    stack = depot.make("serve", postgres=postgres, is_started=False)
    stack.supply_outlet()
    stack.create_api_key()
    assert findings_of(stack)["keys"][0]["level"] == "fine"
    first = stack.env["SECRET_KEY"]
    stack.env["CREDENTIAL_KEY"] = "k" * 30 + "0123456789" * 3
    (found,) = findings_of(stack)["keys"]
    assert found["level"] == "wrong"
    assert "CREDENTIAL_KEY matches none of the 2 stored digests" in found["what"]
    assert "1 POS secrets, 1 API keys" in found["what"]
    stack.env["CREDENTIAL_KEY_FALLBACKS"] = first
    assert findings_of(stack)["keys"][0]["level"] == "advice"
    stack.close()


HIDDEN = "hidden-Passw0rd"
PROCESSES = "SELECT count(*) FROM integrations_serverprocess"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL that asks the role `guest` for a password."""
    instance = Postgres.create(tmp_path_factory.mktemp("guarded"))
    instance.start()
    with psycopg.connect(instance.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'right'")
        (file,) = connection.execute("SHOW hba_file").fetchone() or ("",)
        rules = Path(str(file)).read_text(encoding="utf-8")
        Path(str(file)).write_text(f"host all guest all scram-sha-256\n{rules}", encoding="utf-8")
        connection.execute("SELECT pg_reload_conf()")
    yield instance
    instance.close()


@contextmanager
def hanging_server() -> Iterator[int]:
    """A port that accepts connections and never sends anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def url_with(fault: str, port: int, silent: int) -> str:
    urls = {
        "closed port": f"guest:{HIDDEN}@127.0.0.1:1/postgres",
        "wrong password": f"guest:{HIDDEN}@127.0.0.1:{port}/postgres",
        "missing role": f"nobody-here:{HIDDEN}@127.0.0.1:{port}/postgres",
        "missing database": f"{SUPERUSER}:{HIDDEN}@127.0.0.1:{port}/not-there",
        "unknown host": f"guest:{HIDDEN}@nowhere.invalid/postgres",
        "hanging": f"guest:{HIDDEN}@127.0.0.1:{silent}/postgres",
    }
    return f"postgres://{urls[fault]}"


@contextmanager
def database_of_this_process(url: str, folder: Path) -> Iterator[None]:
    """Make this process use the database of this URL and a Redis that is down."""
    read = read_settings({"DATABASE_URL": url, "DATA_DIR": str(folder)})
    before = connections["default"]
    before.close()
    changed = connections.configure_settings(read["DATABASES"])
    with (
        override_settings(REDIS_URL="redis://127.0.0.1:1/0"),
        mock.patch.dict(connections.settings, changed),
    ):
        connections["default"] = opened = connections.create_connection("default")
        try:
            yield
        finally:
            opened.close()
            if hasattr(opened, "close_pool"):
                opened.close_pool()
            connections["default"] = before


def doctor() -> dict[str, list[dict[str, Any]]]:
    """Run the doctor in this process, and return its findings. Fails unless the doctor finds a fault."""
    out = io.StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("doctor", "--format", "json", stdout=out)
    return by_part(out.getvalue())


def findings_of(stack: Stack) -> dict[str, list[dict[str, Any]]]:
    return by_part(stack.manage("doctor", "--format", "json").stdout)


def findings(stack: Stack, status: int) -> dict[str, list[dict[str, Any]]]:
    done = stack.manage("doctor", "--format", "json")
    assert (done.returncode, done.stderr) == (status, ""), done.stdout
    return by_part(done.stdout)


def by_part(printed: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(printed):
        found.setdefault(finding["about"], []).append(finding)
    return found
