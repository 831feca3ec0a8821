"""Two hosts behind a load balancer. The load comes from six callers and from tills that count their orders.

`one` is a single server, `two` a supervisor with two workers; they share only PostgreSQL and Redis.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from integrations.simulator import Fleet, Plan
from tests.live.callers.backend import Backend, soup
from tests.live.callers.load import Tally, check_tills, load
from tests.live.callers.storm import fleet_of
from tests.live.stack.balancer import Balancer, balancer_before
from tests.live.stack.postgres import Postgres
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Credentials, Depot, Stack
from tests.live.stack.waiting import eventually

ENV = {
    "AUTH_FAILURES_PER_ADDRESS": "1000000",
    "DATABASE_POOL_SIZE": "4",
    "LEASE_SECONDS": "10",
    "DRAIN_SECONDS": "1",
}
OUTLETS = 12
WARM = 40  # number of answers to wait for before a fault begins
CALL_SECONDS = 2  # seconds within which every call ends if there is no fault
LIMIT = 60.0


@dataclass(frozen=True)
class Installation:
    one: Stack
    two: Stack
    postgres: Postgres
    redis: Redis
    key: str = field(repr=False)

    @classmethod
    def make(cls, depot: Depot, postgres: Postgres, redis: Redis) -> "Installation":
        one = depot.make("serve", postgres=postgres, redis=redis, env=ENV)
        two = depot.twin(one, options=("--workers", "2"))
        eventually(lambda: "All workers are ready" in two.log_text(), timeout=20)
        return cls(one, two, postgres, redis, Backend.of(one).key)

    @contextmanager
    def at_work(self, *, seed: int) -> Iterator["Work"]:
        """Run tills and callers until the block ends; then check that each order is in its till exactly once."""
        with balancer_before([self.one, self.two]) as balancer:
            outlets = [_at(balancer, self.one.supply_outlet()) for _ in range(OUTLETS)]
            with fleet_of(outlets, seed=seed, plan=Plan(delay=(0.02, 0.15), seed=seed)) as fleet:
                with load([balancer.base_url], self.key, outlets) as tally:
                    work = Work(self, outlets, fleet, tally, tuple(len(host.log_text()) for host in self.hosts))
                    eventually(lambda: tally.count > WARM and work.is_connected(), timeout=20, what="the load is on")
                    yield work
                check_tills(self.one, fleet, tally)

    @property
    def hosts(self) -> tuple[Stack, Stack]:
        return self.one, self.two

    def close(self) -> None:
        for each in (self.one, self.two, self.redis, self.postgres):
            each.close()

    def flush_redis(self) -> None:
        """Empty Redis, which removes every process from the groups of the channel layer."""
        with socket.create_connection(("127.0.0.1", self.redis.port), timeout=5) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            assert connection.recv(16).startswith(b"+OK")


@dataclass(frozen=True)
class Work:
    """An installation under load."""

    installation: Installation
    outlets: list[Credentials]
    fleet: Fleet
    tally: Tally
    logged_before: tuple[int, ...]  # length of each host's log, in characters, when the load began

    def is_connected(self) -> bool:
        return all(pos.is_connected for pos in self.fleet.poses)

    def is_normal(self) -> bool:
        """Return whether every till is connected, and each kind of request gets an immediate answer at each host."""
        return self.is_connected() and all(self._answers(host) for host in self.installation.hosts)

    def seconds_until_normal(self) -> float:
        """Wait until the installation is normal; return the number of seconds that it took."""
        begun = time.monotonic()
        eventually(self.is_normal, timeout=LIMIT, what="the installation is normal again")
        return time.monotonic() - begun

    def log_text(self) -> str:
        """Return the hosts' logs since this load began, without those of earlier faults."""
        logs = zip(self.installation.hosts, self.logged_before, strict=True)
        return "".join(host.log_text()[before:] for host, before in logs)

    def goes_on(self, *, count: int = 20) -> None:
        """Wait for `count` more good answers."""
        before = self._good
        eventually(lambda: self._good >= before + count, timeout=LIMIT, what="calls are answered")

    def refuses(self, *, count: int = 5) -> None:
        """Wait for `count` more refusals."""
        before = self.tally.count - self._good
        eventually(lambda: self.tally.count - self._good >= before + count, timeout=LIMIT, what="calls are refused")

    @property
    def _good(self) -> int:
        return sum(count for (_, status), count in list(self.tally.statuses.items()) if status == 200)

    def _answers(self, host: Stack) -> bool:
        backend = Backend(host, self.installation.key)
        return all(_answers(backend, outlet) for outlet in self.outlets[:3])


def _answers(backend: Backend, outlet: Credentials) -> bool:
    poll = backend.ask(outlet, "GetOpenOrders", {}, durable=False, timeout=CALL_SECONDS)
    order = backend.ask(outlet, "CreateOrder", soup(), timeout=CALL_SECONDS)
    return (poll.status_code, order.status_code) == (200, 200)


def _at(balancer: Balancer, outlet: Credentials) -> Credentials:
    """Return the outlet's credentials with URLs that lead its POS through the balancer."""
    path = outlet.auth_url.partition("/api")[2]
    websocket_url = balancer.base_url.replace("http", "ws", 1) + "/"
    return replace(outlet, auth_url=f"{balancer.base_url}/api{path}", websocket_url=websocket_url)
