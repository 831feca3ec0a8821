"""A private redis-server without persistence."""

import signal
import socket
from pathlib import Path
from typing import Self

from tests.live.stack.binaries import need
from tests.live.stack.processes import Process, free_port, plain_environment
from tests.live.stack.waiting import eventually

DATABASES = 100
OPTIONS = (
    "--databases",
    str(DATABASES),
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--appendonly",
    "no",
    "--daemonize",
    "no",
)


class Redis:
    """One server on 127.0.0.1, which loses its data at each stop, kill and start."""

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Return a server that is not started yet; skip the test if redis-server is missing."""
        return cls(server=need("redis-server"), folder=folder)

    def __init__(self, *, server: str, folder: Path) -> None:
        self.port = free_port()
        self.process = Process(
            [server, "--port", str(self.port), "--dir", str(folder), *OPTIONS],
            log=folder / "redis.log",
            env=plain_environment(),
            cwd=folder,
        )

    def url(self, database: int) -> str:
        """Return the URL of one of 100 separate databases."""
        return f"redis://127.0.0.1:{self.port}/{database % DATABASES}"

    def start(self) -> None:
        self.process.start()
        eventually(self._answers, timeout=20, what="redis-server answers a PING")

    def stop(self) -> None:
        self.process.stop(signal.SIGTERM)

    def kill(self) -> None:
        self.process.kill()

    def close(self) -> None:
        self.process.kill()

    def _answers(self) -> bool:
        if not self.process.is_running:
            raise RuntimeError(f"redis-server ended at once:\n{self.process.log_tail()}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
