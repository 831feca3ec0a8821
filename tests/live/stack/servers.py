"""Runs the portal as a separate process, with any supported server program and any supported database."""

import itertools
import json
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

import httpx2
import psycopg

from tests.live.stack import warm_start
from tests.live.stack.ledger import LEDGER
from tests.live.stack.postgres import MIGRATED, Postgres
from tests.live.stack.prepared import migrate, prepared
from tests.live.stack.processes import Process, free_port, plain_environment
from tests.live.stack.redis import Redis
from tests.live.stack.shell import Shell
from tests.live.stack.waiting import eventually
from tests.live.stack.warm_start import Started
from tests.support.project import PROJECT

Server = Literal["serve", "runserver", "daphne"]
Database = Literal["sqlite", "postgres"]

START_SECONDS = 20


@dataclass(frozen=True)
class Credentials:
    """A POS's credentials: three values, and the two URLs of the portal."""

    provider_outlet_id: str
    pos_remote_id: str
    auth_secret: str = field(repr=False)
    auth_url: str = ""
    websocket_url: str = ""

    @classmethod
    def from_json(cls, answer: Mapping[str, str]) -> Self:
        """Return the credentials that enable_outlet or rotate_secret printed with `--format json`."""
        LEDGER.remember(answer["AuthSecret"])
        return cls(
            provider_outlet_id=answer["ProviderOutletID"],
            pos_remote_id=answer["POSRemoteID"],
            auth_secret=answer["AuthSecret"],
            auth_url=answer["AuthURL"],
            websocket_url=answer["WebsocketURL"],
        )

    def as_request(self) -> dict[str, str]:
        """Return the body of an OrderNPayAuthTokenRequest."""
        return {
            "ProviderOutletID": self.provider_outlet_id,
            "POSRemoteID": self.pos_remote_id,
            "AuthSecret": self.auth_secret,
        }


class WarmlyStarted(Process):
    """A manage.py process that warm_start.py forks, because that is faster than starting a new interpreter."""

    def __init__(self, arguments: Sequence[str], *, log: Path, env: Mapping[str, str]) -> None:
        super().__init__([sys.executable, "manage.py", *arguments], log=log, env=env, cwd=PROJECT)
        self._arguments = arguments

    def _launch(self, log: int) -> Started:
        with Path(os.devnull).open("rb") as nothing:
            return warm_start.start(
                self._arguments, env=self._env, cwd=PROJECT, stdin=nothing.fileno(), stdout=log, stderr=log
            )


class Stack:
    """One server process with its own database; after a kill and restart it has the same port and data."""

    def __init__(
        self,
        *,
        server: Server,
        folder: Path,
        database_url: str,
        redis_url: str,
        env: Mapping[str, str],
        options: Sequence[str] = (),
        numbers: Iterator[int] | None = None,
    ) -> None:
        self.numbers = numbers or itertools.count(1)  # numbers in the unique names of outlets and keys
        self.server = server
        self.database_url = database_url
        self.redis_url = redis_url
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}/"
        self.env = self._environment(folder) | dict(env)
        self._process = _process(server, self.port, options, log=folder / "server.log", env=self.env)
        self._shell = Shell(env=self.env, log=folder / "shell.log")

    def __repr__(self) -> str:
        return f"<Stack {self.server} at {self.base_url}>"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.is_running

    @property
    def log_path(self) -> Path:
        return self._process.log_path

    def log_text(self) -> str:
        return self._process.log_text()

    def start(self, *, env: Mapping[str, str] | None = None) -> None:
        """Start and wait until /healthz answers; `env` changes settings from now on."""
        if env:
            self._change_environment(env)
        self._process.start()
        eventually(self._is_alive, timeout=START_SECONDS, what=f"{self} answers")

    def workers(self) -> list[int]:
        """Return the process ids of this server's workers, oldest first."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        return [int(each) for each in children.split()]

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, timeout: float = 30) -> int:
        """Wait until the server ends, and return its exit status."""
        return self._process.wait(timeout)

    def stop(self, number: int = signal.SIGTERM, timeout: float = 30) -> int:
        """Signal the server, kill any child that outlives it, and return its exit status."""
        return self._process.stop(number, timeout)

    def kill(self) -> None:
        """Send SIGKILL to the server and its children."""
        self._process.kill()

    def close(self) -> None:
        """Kill the server, its children and its command shell."""
        self._shell.close()
        self._process.kill()

    def manage(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a management command against the same database; the caller checks its exit status."""
        LEDGER.remember_generated(stdin or "")
        done = warm_start.run(arguments, env=self.env, cwd=PROJECT, stdin=stdin, timeout=180)
        LEDGER.remember_generated(done.stdout)
        return done

    def manage_json(self, *arguments: str, stdin: str = "") -> object:
        """Return the parsed output of a command with `--format json`. Raises AssertionError if the command fails."""
        return json.loads(self._shell.run(*arguments, "--format=json", stdin=stdin))

    def make_first_login(self) -> str:
        """Create the first staff login, and return the command's output."""
        return self._shell.run("first_login")

    def supply_outlet(self) -> Credentials:
        """Create and enable an outlet for one test, and return its credentials."""
        number = next(self.numbers)
        names = (f"--outlet=Outlet {number}", f"--pos-remote-id=Supply-{number}")
        answer = self._shell.run("enable_outlet", "--organisation=Supply", *names, "--format=json")
        return Credentials.from_json(json.loads(answer))

    def create_api_key(self, *arguments: str) -> str:
        """Create an API key with a unique name, and return the key. Passes the arguments on to the command."""
        answer = self._shell.run("create_api_key", f"Key {next(self.numbers)}", *arguments, "--format=json")
        key: str = json.loads(answer)["Key"]
        return key

    def enable_outlet(self, name: str, *arguments: str, stdin: str = "") -> Credentials:
        """Enable one outlet with this name. Passes the arguments on to the command."""
        names = ("--organisation=Single", f"--outlet={name}", f"--pos-remote-id=Single-{name}", "--format=json")
        return Credentials.from_json(json.loads(self._shell.run("enable_outlet", *names, *arguments, stdin=stdin)))

    def disable(self, outlet: Credentials) -> None:
        """Disable the outlet with a management command, which runs in another process."""
        self._shell.run("disable_outlet", outlet.provider_outlet_id, "--reason=A test")

    def reenable(self, outlet: Credentials) -> None:
        self._shell.run("reenable_outlet", outlet.provider_outlet_id)

    def rotate_secret(self, outlet: Credentials, *, overlap: str = "0") -> Credentials:
        """Rotate the secret; return the new credentials. With overlap 0, the old secret's connections close at once."""
        arguments = (outlet.provider_outlet_id, f"--overlap={overlap}", "--format=json")
        return Credentials.from_json(json.loads(self._shell.run("rotate_secret", *arguments)))

    def end_overlap(self, outlet: Credentials) -> None:
        self._shell.run("rotate_secret", outlet.provider_outlet_id, "--end-overlap")

    def outlet_row(self, outlet: Credentials) -> dict[str, object]:
        """Return this outlet's row in the output of the command `outlets`."""
        listed = json.loads(self._shell.run("outlets", "--format=json"))
        return next(row for row in listed if row["ProviderOutletID"] == outlet.provider_outlet_id)

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Query the database without Django; placeholders are %s on either database."""
        if self.database_url.startswith("sqlite"):
            return _sqlite_rows(self.database_url, query, values)
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def execute(self, statement: str, *values: object) -> None:
        """Change the database without Django, in one transaction."""
        if self.database_url.startswith("sqlite"):
            path = self.database_url.removeprefix("sqlite:///")
            with closing(sqlite3.connect(path, timeout=20)) as connection, connection:
                connection.execute(statement.replace("%s", "?"), values)
            return
        with psycopg.connect(self.database_url) as pg_connection:
            pg_connection.execute(statement.encode(), values)

    def _change_environment(self, changes: Mapping[str, str]) -> None:
        LEDGER.remember(changes.get("SECRET_KEY"))
        self.env.update(changes)
        self._process.change_environment(self.env)
        self._shell.close()  # the next command starts another shell, with the new settings

    def _environment(self, folder: Path) -> dict[str, str]:
        secret_key = secrets.token_urlsafe(48)
        LEDGER.remember(secret_key)
        return plain_environment() | {
            "SECRET_KEY": secret_key,
            "DEBUG": "off",
            "PUBLIC_URL": self.base_url,
            "DATA_DIR": str(folder),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "PYTHONUNBUFFERED": "1",
            "API_CALLS_BURST": "100000",  # tests send more than the default allows
        }

    def _is_alive(self) -> bool:
        if not self.is_running:
            raise RuntimeError(f"{self} ended at once:\n{self._process.log_tail()}")
        try:
            answer = httpx2.get(f"{self.base_url}/healthz", trust_env=False, verify=False, timeout=5)
        except httpx2.TransportError:
            return False
        return answer.status_code == 200


# Numbers the stacks' folders and Redis databases. The depots share this counter, because they share one Redis.
_NUMBERS = itertools.count(1)


class Depot:
    """Creates stacks, each with its own copy of a migrated database, and stops them all at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stacks: list[Stack] = []

    def make(
        self,
        server: Server,
        *,
        postgres: Postgres | None = None,
        redis: Redis | None = None,
        env: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        is_started: bool = True,
    ) -> Stack:
        """Return a new stack. Without `postgres` it uses SQLite; without `redis`, the in-memory layer.

        Tests that run commands without a server pass `is_started=False`.
        """
        number = next(_NUMBERS)
        folder = self._new_folder(f"{number}-{server}")
        stack = Stack(
            server=server,
            folder=folder,
            database_url=self._database(folder, postgres),
            redis_url=redis.url(number) if redis else "",
            env=env or {},
            options=options,
        )
        self._stacks.append(stack)
        if is_started:
            stack.start()
        return stack

    def twin(self, stack: Stack, *, options: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Stack:
        """Return another server with the same database and layer, on another port, as if on another machine.

        It has the same settings, including SECRET_KEY, except those that `env` changes.
        """
        folder = self._new_folder(f"{next(_NUMBERS)}-{stack.server}-twin")
        twin = Stack(
            server=stack.server,
            folder=folder,
            database_url=stack.database_url,
            redis_url=stack.redis_url,
            env=stack.env | {"PUBLIC_URL": stack.base_url} | dict(env or {}),
            options=options,
            numbers=stack.numbers,
        )
        self._stacks.append(twin)
        twin.start()
        return twin

    def close(self) -> None:
        for stack in self._stacks:
            stack.close()

    def _new_folder(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        return folder

    def _database(self, folder: Path, postgres: Postgres | None) -> str:
        if postgres is None:
            shutil.copy(prepared("sqlite", _make_sqlite) / "portal.sqlite3", folder / "portal.sqlite3")
            return f"sqlite:///{folder / 'portal.sqlite3'}"
        return postgres.url(postgres.create_database(template=MIGRATED))


def _process(server: Server, port: int, options: Sequence[str], *, log: Path, env: Mapping[str, str]) -> Process:
    if server == "daphne":
        daphne = str(Path(sys.executable).with_name("daphne"))
        command = [daphne, "-b", "127.0.0.1", "-p", str(port), "portal.asgi:application", *options]
        return Process(command, log=log, env=env, cwd=PROJECT)
    if server == "runserver":
        return WarmlyStarted(["runserver", "--noreload", f"127.0.0.1:{port}", *options], log=log, env=env)
    return WarmlyStarted(["serve", "--host", "127.0.0.1", "--port", str(port), *options], log=log, env=env)


def _make_sqlite(folder: Path) -> None:
    migrate(f"sqlite:///{folder / 'portal.sqlite3'}", folder)


def _sqlite_rows(database_url: str, query: str, values: Sequence[object]) -> list[tuple[object, ...]]:
    path = database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as connection:
        return connection.execute(query.replace("%s", "?"), tuple(values)).fetchall()
