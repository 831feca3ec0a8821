"""The doctor beside real servers: healthy ones, and one whose Redis has died."""

import json
from pathlib import Path
from typing import Any

from tests.live.conftest import NewStack
from tests.live.postgres import Postgres
from tests.live.redis import Redis
from tests.live.servers import Depot, Stack
from tests.live.waiting import eventually


def test_a_healthy_embedded_installation_is_found_to_be_fine(new_stack: NewStack) -> None:
    stack = new_stack()
    (stack.log_path.parent / "portal.sqlite3").chmod(0o600)
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


def findings(stack: Stack, status: int) -> dict[str, list[dict[str, Any]]]:
    done = stack.manage("doctor", "--format", "json")
    assert done.returncode == status, done.stdout + done.stderr
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(done.stdout):
        found.setdefault(finding["about"], []).append(finding)
    return found
