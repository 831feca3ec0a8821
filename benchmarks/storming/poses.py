"""Runs the POSes of the storm in a separate process with one thread, one epoll object and no library.

The process reads its job, one JSON object, from standard input, and prints the figures as one JSON object. The POSes of
a storm then stay connected and answer pings until standard input ends. `benchmarks/storm.py` starts the process.
"""

import errno
import heapq
import json
import random
import resource
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from storming.frames import handshake, http_post, pongs_for, whole_answer

# A socket option of Linux: choose the local port at connect(). Older versions of Python do not name it.
IP_BIND_ADDRESS_NO_PORT = 24
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 8.0  # seconds; the pause before a retry doubles each time, up to the longest
ROUND = 0.25  # seconds between two checks for POSes whose pause is over
BUFFER = 65_536


@dataclass(slots=True, eq=False)
class Pos:
    """One till: it authenticates, connects and stays connected. After a failure it waits and starts again."""

    body: bytes
    source: str
    link: socket.socket | None = None
    token: str = ""
    unread: bytes = b""
    unsent: bytes = b""
    step_began: float = 0.0
    is_online: bool = False
    tries: int = 0


@dataclass(slots=True)
class Findings:
    """The seconds of each step, the seconds from the first dial until each POS was online, and the errors by name."""

    seconds: float = 0.0
    lost: int = 0
    authentications: list[float] = field(default_factory=list)
    connections: list[float] = field(default_factory=list)
    online_at: list[float] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    cpu: float = 0.0


class Storm:
    """Connects all POSes at once, and retries until each is online or the time limit is reached."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._address = ("127.0.0.1", job["port"])
        self._limit: float = job["limit"]
        sources: list[str] = job["sources"]
        self._poses = [Pos(body.encode(), sources[n % len(sources)]) for n, body in enumerate(job["bodies"])]
        self._epoll = select.epoll(len(self._poses))
        self._by_descriptor: dict[int, Pos] = {}
        self._resting: list[tuple[float, int, Pos]] = []
        self._findings = Findings()
        self._online = 0
        self._began = 0.0

    def run(self) -> Findings:
        """Run the storm and return the findings when all POSes are online, or after the time limit."""
        cpu = time.process_time()
        self._began = time.perf_counter()
        for position, pos in enumerate(self._poses):
            self._dial(pos)
            if position % 64 == 63:
                self._turn(0)
        while self._online < len(self._poses) and self._elapsed() < self._limit:
            self._turn(ROUND)
        self._findings.seconds = self._elapsed()
        self._findings.lost = len(self._poses) - self._online
        self._findings.cpu = time.process_time() - cpu
        return self._findings

    def stay(self, until: Callable[[], bool]) -> Counter[str]:
        """Answer pings until `until` returns true; return the errors of the connections that were lost."""
        lost: Counter[str] = Counter()
        self._findings.troubles = lost
        while not until():
            self._turn(ROUND)
        return lost

    def _turn(self, seconds: float) -> None:
        for descriptor, event in self._epoll.poll(seconds, 512):
            pos = self._by_descriptor.get(descriptor)
            if pos is not None:
                self._serve(pos, event)
        while self._resting and self._resting[0][0] <= self._elapsed():
            self._dial(heapq.heappop(self._resting)[2])

    def _serve(self, pos: Pos, event: int) -> None:
        try:
            if pos.unsent and event & select.EPOLLOUT:
                self._send(pos)
            if event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                self._read(pos)
        except OSError as error:
            self._fail(pos, errno.errorcode.get(error.errno or 0, type(error).__name__))

    # --- The two steps

    def _dial(self, pos: Pos) -> None:
        """Open a connection for the next step: authentication if the POS has no token, otherwise the websocket."""
        pos.step_began = time.perf_counter()
        link = pos.link = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        link.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.bind((pos.source, 0))
        if (code := link.connect_ex(self._address)) not in (0, errno.EINPROGRESS):
            self._fail(pos, errno.errorcode.get(code, str(code)))
            return
        pos.unread, pos.unsent = b"", handshake(pos.token) if pos.token else http_post(pos.body)
        self._by_descriptor[link.fileno()] = pos
        self._epoll.register(link.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _send(self, pos: Pos) -> None:
        assert pos.link
        sent = pos.link.send(pos.unsent)
        pos.unsent = pos.unsent[sent:]
        if not pos.unsent:
            self._epoll.modify(pos.link.fileno(), select.EPOLLIN)

    def _read(self, pos: Pos) -> None:
        assert pos.link
        data = pos.link.recv(BUFFER)
        if not data:
            self._fail(pos, "closed by the server")
            return
        pos.unread += data
        if pos.is_online:
            self._answer_pings(pos)
        elif answer := whole_answer(pos.unread):
            self._take(pos, *answer)

    def _take(self, pos: Pos, status: int, body: bytes, rest: bytes) -> None:
        took = time.perf_counter() - pos.step_began
        if pos.token and status == 101:
            self._findings.connections.append(took)
            self._findings.online_at.append(self._elapsed())
            self._online += 1
            pos.is_online, pos.unread = True, rest
        elif not pos.token and status == 200:
            self._findings.authentications.append(took)
            pos.token = json.loads(body)["AccessToken"]
            self._hang_up(pos)
            self._dial(pos)
        else:
            self._fail(pos, f"status {status}")

    def _answer_pings(self, pos: Pos) -> None:
        assert pos.link
        pongs, pos.unread = pongs_for(pos.unread)
        if pongs:
            pos.link.send(pongs)

    # --- Errors

    def _fail(self, pos: Pos, error: str) -> None:
        """Start again with authentication after a pause."""
        self._findings.troubles[error] += 1
        self._findings.retried += pos.tries == 0
        self._hang_up(pos)
        self._online -= pos.is_online
        pos.is_online, pos.token = False, ""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**pos.tries) * random.uniform(0.5, 1.0)
        pos.tries += 1
        heapq.heappush(self._resting, (self._elapsed() + pause, id(pos), pos))

    def _hang_up(self, pos: Pos) -> None:
        if pos.link is not None:
            self._by_descriptor.pop(pos.link.fileno(), None)
            pos.link.close()
            pos.link = None

    def _elapsed(self) -> float:
        return time.perf_counter() - self._began


class RepeatingCallers:
    """A few connections that authenticate repeatedly. Each sends its next request when it has the previous answer."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._requests = [http_post(body.encode()) for body in job["bodies"]]
        self._next = 0
        self._epoll = select.epoll()
        self._links: dict[int, socket.socket] = {}
        self._unread: dict[int, bytes] = {}
        self._began: dict[int, float] = {}
        for _ in range(job["concurrency"]):
            link = socket.create_connection(("127.0.0.1", job["port"]), source_address=(job["sources"][0], 0))
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._links[link.fileno()] = link
            self._epoll.register(link.fileno(), select.EPOLLIN)

    def run(self, until: Callable[[float], bool]) -> dict[str, Any]:
        """Run until `until(elapsed seconds)` returns true; return the latencies and the counts of statuses."""
        cpu, began = time.process_time(), time.perf_counter()
        latencies: list[float] = []
        statuses: Counter[str] = Counter()
        for descriptor in self._links:
            self._ask(descriptor)
        while not until(time.perf_counter() - began):
            for descriptor, _ in self._epoll.poll(ROUND):
                if answer := self._answer(descriptor):
                    latencies.append(time.perf_counter() - self._began[descriptor])
                    statuses[str(answer[0])] += 1
                    self._ask(descriptor)
        seconds = time.perf_counter() - began
        used = time.process_time() - cpu
        return {"seconds": seconds, "latencies": latencies, "statuses": statuses, "cpu": used}

    def _ask(self, descriptor: int) -> None:
        self._unread[descriptor] = b""
        self._began[descriptor] = time.perf_counter()
        self._links[descriptor].sendall(self._requests[self._next % len(self._requests)])
        self._next += 1

    def _answer(self, descriptor: int) -> tuple[int, bytes, bytes] | None:
        data = self._links[descriptor].recv(BUFFER)
        if not data:
            raise ConnectionError("the server closed a connection before it answered")
        self._unread[descriptor] += data
        return whole_answer(self._unread[descriptor])


def main() -> None:
    job = json.loads(sys.stdin.readline())
    raise_file_limit(len(job["bodies"]) if job["kind"] == "storm" else job["concurrency"])
    {"storm": do_storm, "rate": do_rate, "flood": do_flood}[job["kind"]](job)


def do_storm(job: dict[str, Any]) -> None:
    storm = Storm(job)
    findings = storm.run()
    print_json({name: getattr(findings, name) for name in Findings.__slots__})
    print_json({"lost_while_idle": storm.stay(has_input_ended)})


def do_rate(job: dict[str, Any]) -> None:
    print_json(RepeatingCallers(job).run(lambda seconds: seconds >= job["seconds"]))


def do_flood(job: dict[str, Any]) -> None:
    callers = RepeatingCallers(job)
    print_json({})  # announce the flood, which lasts until standard input ends
    print_json(callers.run(lambda seconds: seconds >= job["limit"] or has_input_ended()))


def has_input_ended() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


def raise_file_limit(connections: int) -> None:
    needed = connections + 64
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < needed:
        sys.exit(f"RLIMIT_NOFILE is {hard}, but {needed} are needed. Raise it (ulimit -n), or use a smaller --count")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def print_json(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
