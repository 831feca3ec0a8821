"""What is measured: each function starts the programs that it needs and returns plain figures."""

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
LIMIT_SECONDS = 300.0  # of one storm
CONCURRENCY, RATE_SECONDS = 64, 5.0
FLOODERS = 8
SETTLE_SECONDS, IDLE_SECONDS = 5.0, 30.0  # one interval of pings, which is the same in every program
KIB = 1024

Figures = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """Where it happens."""

    folder: Path
    cores: Cores
    claims: Sequence[Claim]


def storm(setting: Setting, name: str, *, idle: bool = True) -> Figures:
    """All POSes at once, and then nothing for a while."""
    with programs.running(name, setting.folder, setting.cores) as server:
        before, memory = server.cpu(), server.memory()
        with clients(job(setting, server, "storm"), setting.cores.client) as poses:
            figures = told_by_storm(poses.answer())
            figures["cpu"] = server.cpu() - before
            if idle:
                figures |= rest(server, memory, len(setting.claims))
                figures["lost_while_idle"] = poses.end()["lost_while_idle"]
    return figures


def rest(server: Server, memory: int, count: int) -> Figures:
    """Return what idle connections cost; `memory` was taken before there were any."""
    time.sleep(SETTLE_SECONDS)
    held = (server.memory() - memory) / count / KIB
    cpu, began = server.cpu(), time.perf_counter()
    time.sleep(IDLE_SECONDS)
    share = (server.cpu() - cpu) / (time.perf_counter() - began)
    return {"kib_per_connection": held, "idle_share": share}


def nobody(setting: Setting, name: str) -> Figures:
    """What a program uses without a connection."""
    with programs.running(name, setting.folder, setting.cores) as server:
        time.sleep(SETTLE_SECONDS)
        cpu, began = server.cpu(), time.perf_counter()
        time.sleep(IDLE_SECONDS)
        share = (server.cpu() - cpu) / (time.perf_counter() - began)
        return {"idle_share": share, "mib": server.memory() / KIB / KIB}


def rate(setting: Setting, name: str, *, workers: int = 1, share: float = 1) -> Figures:
    """Authentications at a fixed concurrency, over connections that stay open."""
    with programs.running(name, setting.folder, setting.cores, workers=workers, share=share) as server:
        before = server.cpu()
        asked = {**job(setting, server, "rate"), "concurrency": CONCURRENCY, "seconds": RATE_SECONDS}
        with clients(asked, setting.cores.client) as askers:
            told = askers.answer()
        count = len(told["latencies"])
        return {
            "rate": count / told["seconds"],
            "cpu_each": (server.cpu() - before) / count,
            "statuses": told["statuses"],
            "client_share": told["cpu"] / told["seconds"],
            **cuts("step", told["latencies"]),
        }


def pages(setting: Setting) -> Figures:
    """The portal's pages while all POSes come back."""
    with programs.running(programs.PORTAL, setting.folder, setting.cores) as server:
        staff = Staff(server.port)
        staff.sign_in()
        with clients(job(setting, server, "storm"), setting.cores.client) as poses:
            staff.start()
            figures = told_by_storm(poses.answer())
            seconds = staff.stop()
    return {**figures, "pages": len(seconds), "slowest_page": max(seconds), **cuts("page", seconds)}


def flooded(setting: Setting) -> Figures:
    """The storm beside somebody who tries wrong secrets as fast as they are answered."""
    with programs.running(programs.PORTAL, setting.folder, setting.cores) as server, flood(setting, server) as told:
        before = server.cpu()
        with clients(job(setting, server, "storm"), setting.cores.client) as poses:
            figures = told_by_storm(poses.answer())
            figures["cpu"] = server.cpu() - before
    return {**figures, "flood_rate": told["rate"], "flood_statuses": told["statuses"]}


@contextmanager
def flood(setting: Setting, server: Server) -> Iterator[Figures]:
    """Flood until the end of the block; the figures are there after it."""
    told: Figures = {}
    wrong = [{**claim, "AuthSecret": other["AuthSecret"]} for claim, other in swapped(setting.claims)]
    asked = job(setting, server, "flood", wrong)
    with clients({**asked, "concurrency": FLOODERS, "sources": [FLOODER]}, setting.cores.client) as flooders:
        flooders.answer()  # it is ready
        yield told
        ended = flooders.end()
        told |= {"rate": len(ended["latencies"]) / ended["seconds"], "statuses": ended["statuses"]}


def adopted(setting: Setting, claims: Sequence[Claim]) -> Figures:
    """Outlets with adopted secrets, all at once, after a restart."""
    with programs.running(programs.PORTAL, setting.folder, setting.cores) as server:
        before = server.cpu()
        with clients(job(setting, server, "storm", claims), setting.cores.client) as poses:
            figures = told_by_storm(poses.answer())
            figures["cpu"] = server.cpu() - before
    return figures


def processes(setting: Setting, workers: int, share: float) -> Figures:
    """The storm and the rate on so many processes of the portal, over PostgreSQL and Redis.

    Each gets at most `share` of a core: with less than a whole one, what else runs has the rest of a small machine.
    """
    there = Setting(setting.folder, Cores.of_this_machine(workers), setting.claims)
    with programs.running(programs.PORTAL, there.folder, there.cores, workers=workers, share=share) as server:
        before = server.cpu()
        with clients(job(there, server, "storm"), there.cores.client) as poses:
            figures = told_by_storm(poses.answer())
            figures["cpu"] = server.cpu() - before
    at_64 = rate(there, programs.PORTAL, workers=workers, share=share)
    return {**figures, **{f"{figure}_at_64": at_64[figure] for figure in ("rate", "cpu_each", "client_share")}}


def job(setting: Setting, server: Server, kind: str, claims: Sequence[Claim] | None = None) -> Figures:
    """Return what the client process is told."""
    return {
        "kind": kind,
        "port": server.port,
        "bodies": outlets.bodies(setting.claims if claims is None else claims),
        "sources": SOURCES,
        "limit": LIMIT_SECONDS,
    }


def told_by_storm(told: Figures) -> Figures:
    """Return what a storm's client told, with cuts in place of each POS's time."""
    return {
        "seconds": told["seconds"],
        "lost": told["lost"],
        "retried": told["retried"],
        "troubles": told["troubles"],
        "client_cpu": told["cpu"],
        "load": os.getloadavg()[0],
        "online_at": thinned(told["online_at"]),
        **cuts("authentication", told["authentications"]),
        **cuts("connection", told["connections"]),
    }


def cuts(name: str, seconds: Sequence[float]) -> Figures:
    """Return median and 99th percentile."""
    quantiles = statistics.quantiles(seconds, n=100) if len(seconds) > 1 else [0.0] * 99
    return {f"{name}_p50": quantiles[49], f"{name}_p99": quantiles[98]}


def thinned(moments: Sequence[float]) -> list[float]:
    """Return a hundred of the moments at which a POS came online, and the last."""
    step = max(1, len(moments) // 100)
    return [*moments[::step], *moments[-1:]]


def swapped(claims: Sequence[Claim]) -> Iterator[tuple[Claim, Claim]]:
    """Pair each claim with another's, whose secret is well-formed and wrong for it."""
    return zip(claims, [*claims[1:], claims[0]], strict=True)
