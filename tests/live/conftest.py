"""Real processes for tests: started at first use, and always stopped at the end of the run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import pytest
from playwright.sync_api import Browser

from tests.live.callers import browser as browsing
from tests.live.stack.postgres import Postgres
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Database, Depot, Server, Stack

COMBINATIONS = ("serve-sqlite", "serve-postgres", "daphne-sqlite", "daphne-postgres")
# The default stack. A test whose result may depend on the server or database is marked with ON_EACH_... instead.
STACK = "serve-sqlite"
ON_EACH_COMBINATION = pytest.mark.parametrize("stack", COMBINATIONS, indirect=True)
ON_EACH_SERVER = pytest.mark.parametrize("stack", ["serve-sqlite", "daphne-sqlite"], indirect=True)
ON_EACH_DATABASE = pytest.mark.parametrize("stack", ["serve-sqlite", "serve-postgres"], indirect=True)
# Settings of the stacks that tests share. All outlets connect from one address, so the limit per address is high.
SHARED_ENV = {"AUTH_FAILURES_PER_ADDRESS": "1000000"}


class NewStack(Protocol):
    """Starts a stack for one test alone."""

    def __call__(
        self,
        server: Server = "serve",
        database: Database = "sqlite",
        *,
        env: Mapping[str, str] | None = None,
        postgres: Postgres | None = None,
        options: Sequence[str] = (),
    ) -> Stack: ...


@dataclass(frozen=True)
class Demo:
    """A portal with the demo's outlets and requests; the demo's POSes are online."""

    portal: Stack
    login: tuple[str, str]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of one file; each test opens pages in a new context.

    It does not stay open for the whole run, because no ORM call works in this process while it is open.
    """
    with browsing.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def demo(depot: Depot) -> Iterator[Demo]:
    """Return a demo portal that the tests of one file share. They must only read pages, and change nothing."""
    portal = depot.make("serve", options=["--demo"])
    yield Demo(portal, browsing.first_login(portal))
    portal.close()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The shared PostgreSQL of the stacks; a test that stops PostgreSQL uses `own_postgres` instead."""
    with Postgres.running(tmp_path_factory.mktemp("postgres")) as instance:
        yield instance


@pytest.fixture(scope="module")
def module_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Return a PostgreSQL that the tests of one file may stop."""
    with Postgres.running(tmp_path_factory.mktemp("module-postgres")) as instance:
        yield instance


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """The shared Redis of the stacks; each stack has its own database number."""
    instance = Redis.create(tmp_path_factory.mktemp("redis"))
    instance.start()
    yield instance
    instance.close()


@pytest.fixture
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL that the test may stop or kill."""
    with Postgres.running(tmp_path_factory.mktemp("own-postgres")) as instance:
        yield instance


@pytest.fixture(scope="module")
def depot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Depot]:
    """Creates the stacks of one file, and stops all of them after its last test, even if a test failed."""
    depot = Depot(tmp_path_factory.mktemp("stacks"))
    yield depot
    depot.close()


@pytest.fixture(scope="session")
def shared_depot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Depot]:
    """Creates the stacks that several files share."""
    depot = Depot(tmp_path_factory.mktemp("shared-stacks"))
    yield depot
    depot.close()


@pytest.fixture
def shared_stack(request: pytest.FixtureRequest, shared_depot: Depot) -> Callable[[str], Stack]:
    """Return a function that takes a name, such as `serve-postgres`, and returns the running stack with this name.

    Other tests use the same stack afterwards, so a test must leave it usable.
    """

    def find(name: str) -> Stack:
        if name not in _shared or not _shared[name].is_running:
            _shared[name] = _make(request, shared_depot, name)
        return _shared[name]

    return find


# Running stacks by name. This is no parametrised session fixture, because pytest would stop one stack before it
# starts the next.
_shared: dict[str, Stack] = {}


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Stop the shared stacks after the last test that uses them.

    tests/conftest.py keeps these tests together. The stacks are stopped because even an idle server polls its database
    each second, which slows down the other tests.
    """
    if "shared_stack" not in getattr(nextitem, "fixturenames", ()):
        while _shared:
            _shared.popitem()[1].close()


@pytest.fixture
def stack(request: pytest.FixtureRequest, shared_stack: Callable[[str], Stack]) -> Stack:
    """Return a shared stack: `serve` over SQLite, unless the test is marked with ON_EACH_..."""
    return shared_stack(getattr(request, "param", STACK))


@pytest.fixture
def new_stack(request: pytest.FixtureRequest, depot: Depot) -> Iterator[NewStack]:
    """Creates stacks that the test may kill, stop or configure; they are stopped when it ends."""
    made: list[Stack] = []

    def make(
        server: Server = "serve",
        database: Database = "sqlite",
        *,
        env: Mapping[str, str] | None = None,
        postgres: Postgres | None = None,
        options: Sequence[str] = (),
    ) -> Stack:
        services = _services(request, database, postgres)
        made.append(depot.make(server, postgres=services[0], redis=services[1], env=env, options=options))
        return made[-1]

    yield make
    for stack in made:
        stack.close()


def _make(request: pytest.FixtureRequest, depot: Depot, name: str) -> Stack:
    server, database = name.split("-")
    postgres, redis = _services(request, database, None)
    return depot.make(cast(Server, server), postgres=postgres, redis=redis, env=SHARED_ENV)


def _services(
    request: pytest.FixtureRequest, database: str, postgres: Postgres | None
) -> tuple[Postgres | None, Redis | None]:
    if database == "sqlite":
        return None, None
    return postgres or request.getfixturevalue("postgres"), request.getfixturevalue("redis")
