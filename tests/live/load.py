"""Callers that do not stop: durable orders and fleeting polls, and a note of every answer that they should not get."""

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import httpx2

from integrations.simulator import Fleet
from tests.live.backend import API, order_text, orders_by_id, soup
from tests.live.servers import Credentials, Stack
from tests.live.waiting import eventually

CALL_SECONDS = 10  # that a call may wait; longer than any drain in the tests
PAUSE = 0.2  # seconds after a 503, in place of its Retry-After
TRIES_FOR = 40.0


@dataclass
class Tally:
    """What callers saw; odd is what is neither the answer, nor 503 with Retry-After, nor 504.

    `orders`: ProviderOutletID to the names that the portal took.
    """

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    orders: dict[str, list[str]] = field(default_factory=dict)

    @property
    def unanswered(self) -> int:
        """How many calls ended with 504: not wrong, and not what a caller likes."""
        return sum(count for (_, status), count in self.statuses.items() if status == 504)

    @property
    def count(self) -> int:
        return self.statuses.total()


class Caller:
    """One of the provider's programs; with `keeps` its connection stays open from call to call."""

    def __init__(
        self, urls: Sequence[str], key: str, outlets: Sequence[Credentials], *, seed: int, keeps: bool
    ) -> None:
        self._chance = random.Random(seed)
        self._name = f"caller-{seed}"
        self._urls, self._outlets, self._keeps = urls, outlets, keeps
        self._headers = {"Authorization": f"Bearer {key}"} | ({} if keeps else {"Connection": "close"})
        self._clients = [
            httpx2.Client(trust_env=False, timeout=30, base_url=url, headers=self._headers) for url in urls
        ]

    def run(self, ending: threading.Event, tally: Tally) -> None:
        """Call until told to end; what was begun is insisted on until the portal has it."""
        number = 0
        while not ending.is_set():
            number += 1
            outlet = self._chance.choice(self._outlets)
            if self._chance.random() < 0.3:
                self._call(tally, "poll", outlet, order_text("GetOpenOrders", {}, durable=False, timeout=CALL_SECONDS))
                continue
            self._order(tally, outlet, f"{self._name}-{number}")
        for client in self._clients:
            client.close()

    def _order(self, tally: Tally, outlet: Credentials, name: str) -> None:
        tally.orders.setdefault(outlet.provider_outlet_id, []).append(name)
        body = order_text("CreateOrder", soup(name), request_id=name, timeout=CALL_SECONDS)
        for _ in range(int(TRIES_FOR / PAUSE)):
            status = self._call(tally, "order", outlet, body)
            if status in (200, 504):
                return
            threading.Event().wait(PAUSE)
        tally.odd.append(f"{name} was never taken")

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
    """Each order that the portal took is in the till, once, and ended; no RequestID was executed twice."""
    for pos in fleet.poses:
        names = tally.orders.get(pos.credentials.provider_outlet_id, [])
        eventually(partial(_are_answered, stack, pos.credentials.provider_outlet_id, names), timeout=30)
        assert len(set(pos.till.executed)) == len(pos.till.executed), "executed twice"
        done = orders_by_id(pos.till)
        assert {name: done.get(name, 0) for name in names} == dict.fromkeys(names, 1)


def _are_answered(stack: Stack, provider_outlet_id: str, names: Sequence[str]) -> bool:
    query = (
        "SELECT request_id FROM integrations_request"
        " JOIN integrations_integration ON integrations_integration.id = integration_id"
        " JOIN integrations_outlet ON integrations_outlet.id = outlet_id"
        " WHERE provider_outlet_id = %s AND request_id LIKE 'caller-%%' AND state = 'answered'"
    )
    return sorted(str(name) for (name,) in stack.rows(query, provider_outlet_id)) == sorted(names)


@contextmanager
def load(urls: Sequence[str], key: str, outlets: Sequence[Credentials], *, callers: int = 6) -> Iterator[Tally]:
    """Callers at work for as long as the block runs, half of them with connections that they keep."""
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
