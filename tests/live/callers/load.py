"""Puts servers under load: callers constantly send durable orders and transient requests, and record odd answers."""

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Self

import httpx2

from integrations.simulator import Fleet
from tests.live.callers.backend import API, order_text, orders_by_id, soup
from tests.live.stack.servers import Credentials, Stack
from tests.live.stack.waiting import eventually

CALL_SECONDS = 10  # seconds that a call may wait; longer than any drain in the tests
PAUSE = 0.2  # seconds before an order is repeated; a Retry-After is ignored
BETWEEN = 0.1  # seconds: the longest pause between two calls of a caller; the pauses leave CPU time to the servers
TRIES_FOR = 40.0
WAITS_FOR = 300  # seconds that a non-urgent order may wait


@dataclass
class Tally:
    """The results of all calls. `odd` lists responses other than 200, 504, and a 503 that has Retry-After.

    `orders`: names of the sent orders by ProviderOutletID. `urgent`: names of orders that must not wait.
    `expired`: names of urgent orders that were never sent to a till; filled by `check_tills`.
    """

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    orders: dict[str, list[str]] = field(default_factory=dict)
    urgent: set[str] = field(default_factory=set)
    expired: set[str] = field(default_factory=set)

    @property
    def unanswered(self) -> int:
        """Return how many calls ended with 504, which is allowed but undesirable."""
        return sum(count for (_, status), count in self.statuses.items() if status == 504)

    @property
    def count(self) -> int:
        return self.statuses.total()


class Caller:
    """One program of the provider; with `keeps` it reuses its connections.

    The orders with a number divisible by three are urgent: they expire unless the till gets them at once. The others
    may wait longer than any fault lasts.
    """

    def __init__(
        self, urls: Sequence[str], key: str, outlets: Sequence[Credentials], *, seed: int, keeps: bool
    ) -> None:
        self._chance = random.Random(seed)
        self._name = f"caller-{seed}"
        self._urls, self._outlets, self._keeps = urls, outlets, keeps
        self._headers = {"Authorization": f"Bearer {key}"} | ({} if keeps else {"Connection": "close"})
        self._clients = [
            httpx2.Client(trust_env=False, verify=False, timeout=30, base_url=url, headers=self._headers)
            for url in urls
        ]

    def run(self, ending: threading.Event, tally: Tally) -> None:
        """Call until stopped; repeat each order until the portal has accepted it."""
        number = 0
        while not ending.is_set():
            number += 1
            ending.wait(self._chance.uniform(0, BETWEEN))
            outlet = self._chance.choice(self._outlets)
            if self._chance.random() < 0.3:
                self._call(tally, "poll", outlet, order_text("GetOpenOrders", {}, durable=False, timeout=CALL_SECONDS))
                continue
            self._order(tally, outlet, f"{self._name}-{number}", is_urgent=number % 3 == 0)
        for client in self._clients:
            client.close()

    def _order(self, tally: Tally, outlet: Credentials, name: str, *, is_urgent: bool) -> None:
        tally.orders.setdefault(outlet.provider_outlet_id, []).append(name)
        if is_urgent:
            tally.urgent.add(name)
        expires_in = 0 if is_urgent else WAITS_FOR
        body = order_text("CreateOrder", soup(name), request_id=name, timeout=CALL_SECONDS, expires_in=expires_in)
        for _ in range(int(TRIES_FOR / PAUSE)):
            status = self._call(tally, "order", outlet, body)
            if status in (200, 504):
                return
            threading.Event().wait(PAUSE)
        tally.odd.append(f"{name} was never accepted")

    def _call(self, tally: Tally, kind: str, outlet: Credentials, body: str) -> int:
        client = self._chance.choice(self._clients)
        try:
            answer = client.post(f"{API}/outlets/{outlet.provider_outlet_id}/requests", content=body.encode())
        except httpx2.TransportError as error:
            tally.errors.append(f"{kind} at {client.base_url}: {error!r}")
            return 0
        tally.statuses[kind, answer.status_code] += 1
        if answer.status_code not in (200, 504) and not (
            answer.status_code == 503 and answer.headers.get("Retry-After")
        ):
            tally.odd.append(f"{kind}: {answer.status_code} {answer.text[:300]}")
        return answer.status_code


def check_tills(stack: Stack, fleet: Fleet, tally: Tally) -> None:
    """Fail unless each order is answered and in the till exactly once, and no RequestID was executed twice.

    An urgent order may have expired unsent instead; an expired order must not be in the till.
    """
    for pos in fleet.poses:
        provider_outlet_id = pos.credentials.provider_outlet_id
        names = tally.orders.get(provider_outlet_id, [])
        standing = eventually(partial(_Standing.of, stack, provider_outlet_id, names, tally.urgent), timeout=30)
        tally.expired |= standing.expired
        assert len(set(pos.till.executed)) == len(pos.till.executed), "executed twice"
        done = orders_by_id(pos.till)
        wanted = {name: int(name not in standing.expired) for name in names}
        assert {name: done.get(name, 0) for name in names} == wanted


@dataclass(frozen=True)
class _Standing:
    """The states of an outlet's orders; true in a boolean context when no order is open and none was lost.

    `expired`: urgent orders that were never sent. `others`: the rows of orders that were neither answered nor expired.
    """

    expired: set[str]
    others: dict[str, tuple[str, ...]]

    def __bool__(self) -> bool:
        return not self.others

    @classmethod
    def of(cls, stack: Stack, provider_outlet_id: str, names: Sequence[str], urgent: set[str]) -> Self:
        query = (
            "SELECT request_id, state, times_sent, failure, stored_at, last_sent_at, send_before"
            " FROM integrations_request"
            " JOIN integrations_integration ON integrations_integration.id = integration_id"
            " JOIN integrations_outlet ON integrations_outlet.id = outlet_id"
            " WHERE provider_outlet_id = %s AND request_id LIKE 'caller-%%'"
        )
        rows = {str(name): tuple(map(str, rest)) for name, *rest in stack.rows(query, provider_outlet_id)}
        expired = {name for name, row in rows.items() if row[:2] == ("expired", "0") and name in urgent}
        others = {name: row for name, row in rows.items() if row[0] != "answered" and name not in expired}
        return cls(expired, others | {name: ("missing",) for name in names if name not in rows})


@contextmanager
def load(urls: Sequence[str], key: str, outlets: Sequence[Credentials], *, callers: int = 6) -> Iterator[Tally]:
    """Run callers until the block ends; half of them reuse their connections."""
    ending, tally = threading.Event(), Tally()
    threads = [
        threading.Thread(
            target=Caller(urls, key, outlets, seed=number, keeps=number % 2 == 0).run, args=(ending, tally), daemon=True
        )
        for number in range(callers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield tally
    finally:
        ending.set()
        for thread in threads:
            thread.join(TRIES_FOR + 30)
