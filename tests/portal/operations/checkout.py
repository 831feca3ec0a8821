"""Copies this checkout, and runs the commands of script/ in the copies."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx2

from tests.live.callers.documents import Reader, answers_in
from tests.live.stack.processes import Process, free_port, plain_environment
from tests.live.stack.waiting import eventually
from tests.support.project import PROJECT

PASSWORD = re.compile(r"^  password   ([0-9a-z-]{24})$", re.MULTILINE)
INSTALL_SECONDS = 240
START_SECONDS = 30
NOT_CLONED = (".venv*", ".env", "data", "node_modules", "staticfiles", ".*_cache", ".hypothesis")
# Prefixes of the environment variables that pip may need to reach its index on this machine.
FOR_PIP = (
    "PIP_",
    "SSL_",
    "REQUESTS_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)


@dataclass(frozen=True)
class Running:
    """A started script/server, and its URL."""

    base_url: str
    process: Process

    @property
    def output(self) -> str:
        return self.process.log_text()


@dataclass(frozen=True)
class Tour:
    """The demo in a fresh checkout, and a `Reader` that runs the documents' commands in that checkout."""

    folder: Path
    running: Running
    reader: Reader

    @property
    def client(self) -> httpx2.Client:
        key = (self.folder / "data" / "demo" / "api-key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}"}
        return httpx2.Client(
            base_url=f"{self.running.base_url}/api/v1/", headers=headers, trust_env=False, verify=False, timeout=45
        )

    def online(self) -> set[str]:
        with self.client as client:
            return {each["provider_outlet_id"] for each in client.get("outlets?online=true").json()["results"]}


def assert_success(output: str) -> None:
    """Assert that every JSON answer in the output of the commands reports success."""
    for answer in answers_in(output):
        assert "type" not in answer, answer
        assert "ErrorMessage" not in answer, answer
        assert answer.get("outcome", "answered") == "answered", answer


@contextmanager
def until_block_ends(block: str, tour: Tour) -> Iterator[Process]:
    """Start a document's shell commands that run until they are interrupted; kill them when the `with` block ends."""
    process = Process(
        ["bash", "-c", block],
        log=tour.folder / f"block-{free_port()}.log",
        env=tour.reader.environment,
        cwd=tour.folder,
    )
    process.start()
    try:
        yield process
    finally:
        process.kill()


def copy_project(target: Path) -> Path:
    """Copy this checkout without ignored files such as .venv, .env and data. Works without a .git folder as well.

    The compiled modules are ignored files, but are copied too, which saves each process seconds of compiling. They stay
    valid because the copies keep the modification times.
    """
    if not (PROJECT / ".git").exists():
        return shutil.copytree(PROJECT, target, ignore=shutil.ignore_patterns(*NOT_CLONED), dirs_exist_ok=True)
    for name in files_of_git():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, target / name)
    for compiled in (file for package in ("integrations", "portal") for file in (PROJECT / package).rglob("*.pyc")):
        copied = target / compiled.relative_to(PROJECT)
        if copied.parent.parent.is_dir():
            copied.parent.mkdir(exist_ok=True)
            shutil.copy2(compiled, copied)
    return target


def copy_with_venv(target: Path, made: Path) -> Path:
    """Copy this checkout, and link the .venv of `made`, another copy that is already set up."""
    folder = copy_project(target)
    (folder / ".venv").symlink_to(made / ".venv")
    return folder


def copy_database(source: Path, target: Path) -> None:
    """Copy the database, even while servers write to it."""
    file = Path("data") / "portal.sqlite3"
    with closing(sqlite3.connect(source / file)) as read, closing(sqlite3.connect(target / file)) as written:
        read.backup(written)


def give_own_stamp(folder: Path) -> None:
    """Replace the shared .venv by one with the same packages and its own record of installed lock files."""
    shared, venv = (folder / ".venv").resolve(), folder / ".venv"
    venv.unlink()
    venv.mkdir()
    for name in ("bin", "lib"):
        (venv / name).symlink_to(shared / name)
    for name in ("pyvenv.cfg", "installed"):
        shutil.copy(shared / name, venv / name)


@cache
def files_of_git() -> list[str]:
    """Return the tracked files, and the untracked files that are not ignored."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-coz", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (PROJECT / name).is_file()]


@contextmanager
def serving(
    folder: Path, *options: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Running]:
    with started(folder, "--port {}", *options, cwd=cwd, env=env) as running:
        wait_until_up(running, START_SECONDS)
        yield running


@contextmanager
def started(
    folder: Path,
    port_option: str,
    *options: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """Run script/server on a free port until the block ends; SIGTERM must then end it with exit code 0."""
    port = free_port()
    process = Process(
        [str(folder / "script" / "server"), *port_option.format(port).split(), *options],
        log=folder / f"server-{port}.log",
        env=environment(env),
        cwd=cwd or folder,
    )
    process.start()
    try:
        yield Running(f"http://127.0.0.1:{port}", process)
        assert process.stop() == 0, process.log_tail()
    finally:
        process.kill()


@contextmanager
def served_until_killed(folder: Path, *options: str) -> Iterator[Running]:
    port = free_port()
    command = [str(folder / "script" / "server"), "--port", str(port), *options]
    process = Process(command, log=folder / f"server-{port}.log", env=environment(), cwd=folder)
    process.start()
    try:
        running = Running(f"http://127.0.0.1:{port}", process)
        wait_until_up(running, START_SECONDS)
        yield running
    finally:
        process.kill()


def curls_of_the_readme() -> list[str]:
    """Return the commands of the README's section "The first five minutes", without indentation."""
    tour = (PROJECT / "README.md").read_text().split("## The first five minutes")[1].split("\n## ")[0]
    return [textwrap.dedent(block).split("\n#")[0].strip() for block in re.findall(r"```sh\n(.*?)```", tour, re.DOTALL)]


def printed_curl(output: str) -> str:
    """Return the command that the demo has printed, as a user would copy it."""
    [lines] = re.findall(r"^  curl .*?'$", output, re.MULTILINE | re.DOTALL)
    return textwrap.dedent(lines)


def ask(folder: Path, curl: str) -> Any:
    """Run a documented curl command in the checkout and return its answer."""
    done = subprocess.run(
        ["bash", "-c", curl], cwd=folder, env=environment(), capture_output=True, text=True, check=True, timeout=30
    )
    return json.loads(done.stdout)


def wait_until_up(running: Running, seconds: float) -> None:
    def answers() -> bool:
        assert running.process.is_running, running.output
        try:
            return httpx2.get(f"{running.base_url}/healthz", trust_env=False, verify=False).status_code == 200
        except httpx2.TransportError:
            return False

    eventually(answers, timeout=seconds, what="script/server answers /healthz")


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    passed_on = {k: v for k, v in os.environ.items() if k.startswith(FOR_PIP) or k == "PYTHON"}
    return plain_environment() | passed_on | dict(more or {})


def run(folder: Path, *command: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(folder / command[0]), *command[1:]],
        cwd=folder,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_SECONDS,
    )


def complaint(done: subprocess.CompletedProcess[str], *, status: int = 1) -> str:
    """Return the error line of a failed command; assert that the command printed nothing else."""
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def nothing_was_made(folder: Path) -> bool:
    return not any((folder / name).exists() for name in (".venv", ".env", "data"))


def fake_python(folder: Path, statement: str) -> Path:
    """Create a Python executable that runs the statement before the code that it gets with -c."""
    python = folder / "python3"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import sys; {statement}\n$2"\n')
    python.chmod(0o755)
    return python


def sign_in(base_url: str, user_name: str, password: str) -> httpx2.Response:
    """Fill in the admin's sign-in form and return the resulting page."""
    with httpx2.Client(base_url=base_url, follow_redirects=True, trust_env=False) as browser:
        page = browser.get("/admin/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert token, page.text
        form = {"username": user_name, "password": password, "csrfmiddlewaretoken": token[1]}
        return browser.post(page.url, data=form)


def state_of(folder: Path) -> Sequence[object]:
    """Return the state that a second run must not change."""
    packages = next(folder.glob(".venv/lib/python*/site-packages"))
    untouched = [packages, folder / ".venv" / "installed", folder / ".env"]
    with closing(sqlite3.connect(folder / "data" / "portal.sqlite3")) as database:
        users = database.execute("SELECT * FROM auth_user").fetchall()
        migrations = database.execute("SELECT * FROM django_migrations").fetchall()
    return [
        (folder / ".env").read_bytes(),
        [path.stat().st_mtime_ns for path in untouched],
        users,
        migrations,
    ]


def pins(lock_file: str) -> set[str]:
    return set(re.findall(r"^[\w.-]+==[^ \\]+", (PROJECT / lock_file).read_text(), re.MULTILINE))
