"""Fixtures of the fault tests: those of tests/live, and an installation whose services a test may kill."""

from collections.abc import Iterator

import pytest

from tests.faults.installation import Installation
from tests.live.conftest import (
    depot,
    module_postgres,
    new_stack,
    postgres,
    redis,
)
from tests.live.stack.postgres import Postgres
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Depot

__all__ = [
    "depot",
    "module_postgres",
    "new_stack",
    "postgres",
    "redis",
]


@pytest.fixture(scope="module")
def installation(depot: Depot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Two hosts over one PostgreSQL and one Redis, which no other server uses. Each test leaves all of them running."""
    postgres = Postgres.create(tmp_path_factory.mktemp("faults-postgres"))
    redis = Redis.create(tmp_path_factory.mktemp("faults-redis"))
    postgres.start()
    postgres.change_setting("max_connections", "40")
    postgres.stop()
    postgres.start()
    redis.start()
    installation = Installation.make(depot, postgres, redis)
    yield installation
    installation.close()
