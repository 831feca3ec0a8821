"""Counts the POS entry point's database statements, and tests the entry point while the database is down."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.live.callers import records
from tests.live.callers.clients import authenticate, connect, handshake_refusal, request, token_for
from tests.live.stack.postgres import Postgres
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Depot, Server, Stack
from tests.live.stack.waiting import eventually
from tests.support.constants import NOTICE_INTERVAL, RECORD_INTERVAL, WATCH_INTERVAL, with_constants

# These intervals keep background work from adding statements while a test counts them.
QUIET = with_constants({RECORD_INTERVAL: 3600, WATCH_INTERVAL: 600, NOTICE_INTERVAL: 3600}) | {"LEASE_SECONDS": "3600"}
STATEMENT = re.compile(r"(?:statement|execute [^:]*): (\w+)")
SERVERS: tuple[Server, ...] = ("serve", "daphne")


@dataclass(frozen=True)
class Counted:
    """A stack that is the only client of a PostgreSQL that logs every statement."""

    stack: Stack
    postgres: Postgres

    def statements(self) -> list[str]:
        """Return the first word of every statement so far, except those that only set up a connection."""
        found = STATEMENT.findall(self.postgres.process.log_text())
        return [word for word in found if word not in ("SET", "BEGIN", "COMMIT", "ROLLBACK")]

    def wait_for_quiet(self) -> None:
        """Authenticate once, as the first request costs more; then wait until no statement runs for half a second."""
        token_for(self.stack, self.stack.supply_outlet())
        seen: list[int] = []

        def is_quiet() -> bool:
            seen.append(len(self.statements()))
            return len(seen) > 10 and len(set(seen[-10:])) == 1

        eventually(is_quiet, timeout=15, what="no statement for half a second")


@pytest.fixture(scope="module", params=SERVERS)
def counted(
    request: pytest.FixtureRequest, depot: Depot, redis: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Counted]:
    postgres = Postgres.create(tmp_path_factory.mktemp("counted-postgres"))
    postgres.start()
    stack = depot.make(request.param, postgres=postgres, redis=redis, env=QUIET)
    yield Counted(stack, postgres)
    stack.close()
    postgres.close()


def test_an_authentication_costs_one_read_and_no_write(counted: Counted) -> None:
    outlet = counted.stack.supply_outlet()
    counted.wait_for_quiet()
    before = len(counted.statements())
    assert authenticate(counted.stack, outlet).status_code == 200
    assert counted.statements()[before:] == ["SELECT"]


def test_a_failed_authentication_costs_one_read_and_no_write(counted: Counted) -> None:
    outlet, other = counted.stack.supply_outlet(), counted.stack.supply_outlet()
    counted.wait_for_quiet()
    before = len(counted.statements())
    assert authenticate(counted.stack, outlet, AuthSecret=other.auth_secret).status_code == 401
    assert counted.statements()[before:] == ["SELECT"]


def test_a_mistyped_secret_costs_no_database_read(counted: Counted) -> None:
    outlet = counted.stack.supply_outlet()
    counted.wait_for_quiet()
    before = len(counted.statements())
    typed = outlet.auth_secret[:-1] + ("0" if outlet.auth_secret[-1] != "0" else "1")
    assert authenticate(counted.stack, outlet, AuthSecret=typed).status_code == 401
    assert counted.statements()[before:] == []


def test_a_connect_costs_one_read_and_no_write(counted: Counted) -> None:
    outlet = counted.stack.supply_outlet()
    token = token_for(counted.stack, outlet)
    counted.wait_for_quiet()
    before = len(counted.statements())
    with connect(counted.stack, token) as pos:
        assert pos.is_open()
        assert counted.statements()[before:] == ["SELECT"]


@pytest.fixture(scope="module", params=SERVERS)
def stack(request: pytest.FixtureRequest, depot: Depot, redis: Redis, module_postgres: Postgres) -> Iterator[Stack]:
    stack = depot.make(request.param, postgres=module_postgres, redis=redis)
    yield stack
    stack.close()


def test_while_the_database_is_down_the_answer_is_503(module_postgres: Postgres, stack: Stack) -> None:
    outlet = stack.supply_outlet()
    assert authenticate(stack, outlet).status_code == 200
    module_postgres.kill()
    answer = authenticate(stack, outlet)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert list(answer.json()) == ["ErrorMessage"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert request(stack, "GET", "/healthz").status_code == 200
    assert request(stack, "GET", "/readyz").status_code == 503
    module_postgres.start()
    eventually(lambda: authenticate(stack, outlet).status_code == 200, timeout=20, what="it is back")
    eventually(lambda: request(stack, "GET", "/readyz").status_code == 200, timeout=20, what="it is ready")


def test_while_the_database_is_down_a_handshake_is_refused(module_postgres: Postgres, stack: Stack) -> None:
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    module_postgres.kill()
    assert handshake_refusal(stack, token).status == (503 if stack.server == "serve" else 403)
    module_postgres.start()
    eventually(lambda: authenticate(stack, outlet).status_code == 200, timeout=20, what="it is back")
    eventually(lambda: request(stack, "GET", "/readyz").status_code == 200, timeout=20, what="it is ready")


def test_a_socket_stays_open_while_the_database_is_down_and_is_recorded(
    module_postgres: Postgres, stack: Stack
) -> None:
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)) as pos:
        eventually(lambda: records.is_online(stack, outlet))
        module_postgres.kill()
        assert pos.is_open()
        module_postgres.start()
        assert pos.is_open()
        assert records.is_online(stack, outlet)
    eventually(lambda: records.close_reasons(stack, outlet) == ["by_pos"], timeout=20)


def test_a_server_started_without_its_database_works_once_that_is_up(module_postgres: Postgres, stack: Stack) -> None:
    outlet = stack.supply_outlet()
    stack.stop()
    module_postgres.stop()
    stack.start()
    assert authenticate(stack, outlet).status_code == 503
    module_postgres.start()
    eventually(lambda: authenticate(stack, outlet).status_code == 200, timeout=20, what="it works")
