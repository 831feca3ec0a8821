"""The health probes of real servers, also while Redis is down."""

from pathlib import Path

from tests.live.callers.clients import request
from tests.live.conftest import NewStack
from tests.live.stack.postgres import Postgres
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Depot, Stack
from tests.live.stack.waiting import eventually


def test_a_dead_redis_degrades_a_server_and_leaves_it_ready(depot: Depot, postgres: Postgres, tmp_path: Path) -> None:
    redis = Redis.create(tmp_path)
    redis.start()
    stack = depot.make("serve", postgres=postgres, redis=redis)
    try:
        eventually(lambda: seen(stack) == (200, "ready", "reachable"), what="ready with its layer")
        redis.kill()
        eventually(lambda: seen(stack) == (200, "degraded", "away"), what="degraded without it")
        redis.start()
        eventually(lambda: seen(stack) == (200, "ready", "reachable"), timeout=20, what="ready again")
    finally:
        stack.close()
        redis.close()


def test_the_probes_are_answered_on_daphne_too(new_stack: NewStack) -> None:
    stack = new_stack("daphne")
    assert request(stack, "GET", "/healthz").json() == {"status": "alive"}
    assert request(stack, "GET", "/readyz").json()["migrations"] == "applied"


def seen(stack: Stack) -> tuple[int, str, str]:
    answer = request(stack, "GET", "/readyz")
    return answer.status_code, answer.json()["status"], answer.json()["layer"]
