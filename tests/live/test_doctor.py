"""The doctor beside real servers: healthy ones, and one whose Redis has died."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.live.conftest import NewStack
from tests.live.postgres import SUPERUSER, Postgres
from tests.live.processes import Process, free_port, plain_environment
from tests.live.redis import Redis
from tests.live.servers import Database, Depot, Stack
from tests.live.shell import PROJECT
from tests.live.waiting import eventually


def test_a_healthy_embedded_installation_is_found_to_be_fine(new_stack: NewStack) -> None:
    stack = new_stack()
    done = stack.manage("doctor")
    assert done.returncode == 0, done.stdout
    assert "WRONG" not in done.stdout
    assert "handshake reaches the portal" in done.stdout


def test_postgres_and_redis_are_looked_at_too(depot: Depot, postgres: Postgres, tmp_path: Path) -> None:
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


def test_a_database_that_is_away_is_one_finding_among_the_others(new_stack: NewStack, own_postgres: Postgres) -> None:
    stack = new_stack(database="postgres", postgres=own_postgres)
    own_postgres.stop()
    found = findings(stack, 1)
    assert found["database"][0]["level"] == "wrong"
    assert found["public address"][0]["level"] == "fine"
    own_postgres.start()
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
def test_each_reason_why_postgresql_cannot_be_reached_is_told_at_once(
    guarded: Postgres, tmp_path: Path, fault: str, said: str, todo: str
) -> None:
    began = time.monotonic()
    with hanging_server() as silent:
        found = doctor(tmp_path, DATABASE_URL=url_with(fault, guarded.port, silent), REDIS_URL="redis://127.0.0.1:1/0")
    assert time.monotonic() - began < 10  # a start takes most of them; the pool alone would take 16 s more
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
        eventually(lambda: findings_of(stack)["layer"][0]["level"] == "wrong", what="two servers are seen")
        second.kill()
    finally:
        second.kill()
        stack.close()


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_key_that_fits_nothing_that_is_stored_is_told(new_stack: NewStack, database: Database) -> None:
    stack = new_stack(database=database)
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


HIDDEN = "hidden-Passw0rd"


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
    """A port that takes connections and never says a word."""
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


def doctor(folder: Path, **variables: str) -> dict[str, list[dict[str, Any]]]:
    """What the doctor finds where no server runs."""
    env = plain_environment() | {"SECRET_KEY": "s" * 40 + "0123456789", "DATA_DIR": str(folder)} | variables
    command = [sys.executable, "manage.py", "doctor", "--format", "json"]
    done = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return by_part(done.stdout)


def findings_of(stack: Stack) -> dict[str, list[dict[str, Any]]]:
    return by_part(stack.manage("doctor", "--format", "json").stdout)


def findings(stack: Stack, status: int) -> dict[str, list[dict[str, Any]]]:
    done = stack.manage("doctor", "--format", "json")
    assert done.returncode == status, done.stdout + done.stderr
    return by_part(done.stdout)


def by_part(printed: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(printed):
        found.setdefault(finding["about"], []).append(finding)
    return found
