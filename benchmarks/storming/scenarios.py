"""The measurements. Each function starts the programs that it needs and returns plain figures."""

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storming import outlets, programs
from storming.outlets import Claim
from storming.pages import Staff
from storming.processes import Cores, Server, clients

SOURCES = [f"127.0.0.{number}" for number in range(1, 9)]  # one address has too few ports for two rounds
FLOODER = "127.0.0.66"
LIMIT_SECONDS = 300.0  # longest duration of a storm
CONCURRENCY, RATE_SECONDS = 64, 5.0
FLOODERS = 8
SETTLE_SECONDS, IDLE_SECONDS = 5.0, 30.0  # 30 s is the interval of pings, the same in every program
KIB = 1024

Figures = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """The folder, the cores and the outlets of all measurements."""

    folder: Path
    cores: Cores
    claims: Sequence[Claim]


def storm(setting: Setting, name: str, *, idle: bool = True) -> Figures:
    """Measure a storm of all POSes and, with `idle`, a period without traffic after it."""
    with programs.running(name, setting.folder, setting.cores) as server:
        before, memory = server.cpu(), server.memory()
        with clients(job(setting, server, "storm"), setting.cores.client) as poses:
            figures = storm_figures(poses.answer())
            figures["cpu"] = server.cpu() - before
            if idle:
                figures |= rest(server, memory, len(setting.claims))
                figures["lost_while_idle"] = poses.end()["lost_while_idle"]
    return figures


def rest(server: Server, memory: int, count: int) -> Figures:
    """Return the cost of idle connections; `memory` was measured before there were any."""
    time.sleep(SETTLE_SECONDS)
    held = (server.memory() - memory) / count / KIB
    cpu, began = server.cpu(), time.perf_counter()
    time.sleep(IDLE_SECONDS)
    share = (server.cpu() - cpu) / (time.perf_counter() - began)
    return {"kib_per_connection": held, "idle_share": share}


def unconnected(setting: Setting, name: str) -> Figures:
    """Measure the CPU time and memory of a program without connections."""
    with programs.running(name, setting.folder, setting.cores) as server:
        time.sleep(SETTLE_SECONDS)
        cpu, began = server.cpu(), time.perf_counter()
        time.sleep(IDLE_SECONDS)
        share = (server.cpu() - cpu) / (time.perf_counter() - began)
        return {"idle_share": share, "mib": server.memory() / KIB / KIB}


def rate(setting: Setting, name: str, *, workers: int = 1, share: float = 1) -> Figures:
    """Measure authentications at a fixed concurrency over persistent connections."""
    with programs.running(name, setting.folder, setting.cores, workers=workers, share=share) as server:
        before = server.cpu()
        task = {**job(setting, server, "rate"), "concurrency": CONCURRENCY, "seconds": RATE_SECONDS}
        with clients(task, setting.cores.client) as callers:
            result = callers.answer()
        count = len(result["latencies"])
        return {
            "rate": count / result["seconds"],
            "cpu_each": (server.cpu() - before) / count,
            "statuses": result["statuses"],
            "client_share": result["cpu"] / result["seconds"],
            **cuts("step", result["latencies"]),
        }


def pages(setting: Setting) -> Figures:
    """Measure the portal's pages while all POSes reconnect."""
    with programs.running(programs.PORTAL, setting.folder, setting.cores) as server:
        staff = Staff(server.port)
        staff.sign_in()
        with clients(job(setting, server, "storm"), setting.cores.client) as poses:
            staff.start()
            figures = storm_figures(poses.answer())
            seconds = staff.stop()
    return {**figures, "pages": len(seconds), "slowest_page": max(seconds), **cuts("page", seconds)}


def flooded(setting: Setting) -> Figures:
    """Measure the storm while an attacker tries wrong secrets as fast as they are answered."""
    with programs.running(programs.PORTAL, setting.folder, setting.cores) as server, flood(setting, server) as result:
        before = server.cpu()
        with clients(job(setting, server, "storm"), setting.cores.client) as poses:
            figures = storm_figures(poses.answer())
            figures["cpu"] = server.cpu() - before
    return {**figures, "flood_rate": result["rate"], "flood_statuses": result["statuses"]}


@contextmanager
def flood(setting: Setting, server: Server) -> Iterator[Figures]:
    """Send wrong secrets until the end of the block, and then put the figures into the yielded dict."""
    result: Figures = {}
    wrong = [{**claim, "AuthSecret": other["AuthSecret"]} for claim, other in swapped(setting.claims)]
    task = job(setting, server, "flood", wrong)
    with clients({**task, "concurrency": FLOODERS, "sources": [FLOODER]}, setting.cores.client) as flooders:
        flooders.answer()  # wait until the flood has begun
        yield result
        ended = flooders.end()
        result |= {"rate": len(ended["latencies"]) / ended["seconds"], "statuses": ended["statuses"]}


def adopted(setting: Setting, claims: Sequence[Claim]) -> Figures:
    """Measure a storm of outlets with adopted secrets, on a server that has just started."""
    with programs.running(programs.PORTAL, setting.folder, setting.cores) as server:
        before = server.cpu()
        with clients(job(setting, server, "storm", claims), setting.cores.client) as poses:
            figures = storm_figures(poses.answer())
            figures["cpu"] = server.cpu() - before
    return figures


def processes(setting: Setting, workers: int, share: float) -> Figures:
    """Measure the storm and the rate with this number of portal processes, on PostgreSQL and Redis.

    Each process gets at most `share` of a core. With a share below 1, even a small machine has CPU time left for the
    client and the databases.
    """
    there = Setting(setting.folder, Cores.of_this_machine(workers), setting.claims)
    with programs.running(programs.PORTAL, there.folder, there.cores, workers=workers, share=share) as server:
        before = server.cpu()
        with clients(job(there, server, "storm"), there.cores.client) as poses:
            figures = storm_figures(poses.answer())
            figures["cpu"] = server.cpu() - before
    at_64 = rate(there, programs.PORTAL, workers=workers, share=share)
    return {**figures, **{f"{figure}_at_64": at_64[figure] for figure in ("rate", "cpu_each", "client_share")}}


def job(setting: Setting, server: Server, kind: str, claims: Sequence[Claim] | None = None) -> Figures:
    """Return the job of the client process."""
    return {
        "kind": kind,
        "port": server.port,
        "bodies": outlets.bodies(setting.claims if claims is None else claims),
        "sources": SOURCES,
        "limit": LIMIT_SECONDS,
    }


def storm_figures(result: Figures) -> Figures:
    """Return the figures of a storm's client, with quantiles instead of the time of each POS."""
    return {
        "seconds": result["seconds"],
        "lost": result["lost"],
        "retried": result["retried"],
        "troubles": result["troubles"],
        "client_cpu": result["cpu"],
        "load": os.getloadavg()[0],
        "online_at": thinned(result["online_at"]),
        **cuts("authentication", result["authentications"]),
        **cuts("connection", result["connections"]),
    }


def cuts(name: str, seconds: Sequence[float]) -> Figures:
    """Return the median and the 99th percentile."""
    quantiles = statistics.quantiles(seconds, n=100) if len(seconds) > 1 else [0.0] * 99
    return {f"{name}_p50": quantiles[49], f"{name}_p99": quantiles[98]}


def thinned(moments: Sequence[float]) -> list[float]:
    """Reduce the times when POSes came online to about 100 values; keep the last one."""
    step = max(1, len(moments) // 100)
    return [*moments[::step], *moments[-1:]]


def swapped(claims: Sequence[Claim]) -> Iterator[tuple[Claim, Claim]]:
    """Pair each claim with another one, whose secret is well-formed but wrong for the first."""
    return zip(claims, [*claims[1:], claims[0]], strict=True)
