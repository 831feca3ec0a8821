"""The programs that are compared, and how to start them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storming.outlets import PROJECT
from storming.processes import Cores, Server, free_port, serving
from storming.quota import shares

BARE, PORTAL, FASTAPI, FASTIFY = "bare ASGI", "portal", "FastAPI", "fastify"
ALL = (BARE, PORTAL, FASTAPI, FASTIFY)
PEERS = PROJECT / "benchmarks" / "peers"


@contextmanager
def running(name: str, folder: Path, cores: Cores, *, workers: int = 1, share: float = 1) -> Iterator[Server]:
    """Start one of the programs and run it until the end of the block, each process with at most `share` of a core."""
    port = free_port()
    command = _command(name, folder, port, workers)
    with (
        serving(command, port, cores=cores.servers, log=folder / f"{name}.log", workers=workers) as server,
        shares(server.pids, share),
    ):
        yield server


def peers_database(folder: Path) -> Path:
    return folder / "peers.sqlite3"


def _command(name: str, folder: Path, port: int, workers: int) -> list[str | Path]:
    database = str(peers_database(folder))
    commands: dict[str, list[str | Path]] = {
        BARE: [sys.executable, PEERS / "bare" / "server.py", str(port)],
        PORTAL: [sys.executable, PROJECT / "manage.py", "serve", "--port", str(port), "--workers", str(workers)],
        FASTAPI: [sys.executable, PEERS / "fastapi_portal" / "server.py", database, str(port)],
        FASTIFY: ["node", PEERS / "fastify_portal" / "server.js", database, str(port)],
    }
    return commands[name]
