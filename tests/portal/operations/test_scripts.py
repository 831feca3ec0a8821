"""The commands of script/, run unchanged in copies of this checkout that are not set up yet."""

import io
import json
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from tests.live.documents import Reader, answers_in, blocks_of
from tests.live.processes import Process, free_port, plain_environment
from tests.live.waiting import eventually
from tests.support.project import PROJECT

pytestmark = pytest.mark.processes

INSTALL_SECONDS = 240
START_SECONDS = 30
PASSWORD = re.compile(r"^  password   ([0-9a-z-]{24})$", re.MULTILINE)
NOT_CLONED = (".venv*", ".env", "data", "node_modules", "staticfiles", "__pycache__", ".*_cache", ".hypothesis")
# The environment variables that pip may need to reach its index on this machine.
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
    """A script/server that has answered /healthz."""

    base_url: str
    process: Process

    @property
    def output(self) -> str:
        return self.process.log_text()


@pytest.fixture(scope="module")
def first_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Running]]]:
    """A fresh checkout in which script/server was started twice at the same moment."""
    folder = copy_project(tmp_path_factory.mktemp("fresh"))
    with ExitStack() as stack:
        starting = [stack.enter_context(started(folder, spelling)) for spelling in ("--port {}", "--port={}")]
        for running in starting:
            wait_until_up(running, INSTALL_SECONDS)
        yield folder, starting
    shutil.rmtree(folder / ".venv")  # 200 MB, which pytest would keep for three runs


@pytest.fixture(scope="module")
def shared_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("bare"))


@pytest.fixture
def bare(shared_checkout: Path) -> Iterator[Path]:
    """A fresh checkout without .venv and .env, shared by calls that must not create them."""
    yield shared_checkout
    assert nothing_was_made(shared_checkout)


@pytest.fixture
def furnished(tmp_path: Path, first_runs: tuple[Path, list[Running]]) -> Path:
    """A checkout that has a .venv, and nothing else."""
    return copy_with_venv(tmp_path / "checkout", first_runs[0])


@pytest.fixture
def with_database(furnished: Path, first_runs: tuple[Path, list[Running]]) -> Path:
    """A checkout that has a .venv and a migrated database, but no key."""
    (furnished / "data").mkdir(mode=0o700)
    copy_database(first_runs[0], furnished)
    return furnished


class TestTheFirstRun:
    def test_prints_one_login_even_if_several_start_at_once(self, first_runs: tuple[Path, list[Running]]) -> None:
        printed = "".join(running.output for running in first_runs[1])
        assert len(PASSWORD.findall(printed)) == 1
        assert printed.count("It will not be shown again") == 1
        assert printed.count("Creating .venv") == 1

    def test_prints_a_login_that_signs_in(self, first_runs: tuple[Path, list[Running]]) -> None:
        running = first_runs[1][0]
        [password] = PASSWORD.findall("".join(each.output for each in first_runs[1]))
        assert sign_in(running.base_url, "admin", password).url.path == "/admin/"
        assert sign_in(running.base_url, "admin", password[:-1]).url.path == "/admin/login/"

    def test_prints_the_addresses_and_what_to_do_next(self, first_runs: tuple[Path, list[Running]]) -> None:
        for running in first_runs[1]:
            assert f"{running.base_url}/admin/\n" in running.output
            assert f"{running.base_url}/api/powerepos/v1/auth\n" in running.output
            assert f"{running.base_url.replace('http', 'ws')}\n" in running.output
            assert "Next: sign in" in running.output
            assert "simulate_pos" in running.output

    def test_writes_a_key_that_only_its_owner_can_read(self, first_runs: tuple[Path, list[Running]]) -> None:
        env_file = first_runs[0] / ".env"
        assert re.fullmatch(r"SECRET_KEY=[\w-]{86}\n", env_file.read_text())
        assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
        assert not list(first_runs[0].glob(".env.*[!e]"))

    def test_keeps_the_database_from_other_users(self, first_runs: tuple[Path, list[Running]]) -> None:
        assert stat.S_IMODE((first_runs[0] / "data").stat().st_mode) == 0o700
        assert stat.S_IMODE((first_runs[0] / "data" / "portal.sqlite3").stat().st_mode) == 0o600


def test_a_second_run_installs_migrates_and_prints_no_password(
    first_runs: tuple[Path, list[Running]],
) -> None:
    folder, _ = first_runs
    before = state_of(folder)
    with serving(folder) as running:
        assert "Next: sign in" in running.output
        assert not re.search("password|Creating|Installing|Wrote|Migrated", running.output)
    assert state_of(folder) == before


@dataclass(frozen=True)
class Tour:
    """The demo in a fresh checkout, and a reader who follows the documents."""

    folder: Path
    running: Running
    reader: Reader

    @property
    def client(self) -> httpx2.Client:
        key = (self.folder / "data" / "demo" / "api-key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}"}
        return httpx2.Client(base_url=f"{self.running.base_url}/api/v1/", headers=headers, trust_env=False, timeout=45)

    def online(self) -> set[str]:
        with self.client as client:
            return {each["provider_outlet_id"] for each in client.get("outlets?online=true").json()["results"]}


@pytest.fixture(scope="module")
def tour(first_runs: tuple[Path, list[Running]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    folder = copy_with_venv(tmp_path_factory.mktemp("tour"), first_runs[0])
    with serving(folder, "--demo") as running:
        own = {"PUBLIC_URL": running.base_url, "NO_PROXY": "*"}
        tour = Tour(folder, running, Reader(running.base_url, folder, environment(own)))
        eventually(lambda: tour.online() == {"demo-harbour", "demo-airport"}, what="two POSes are online")
        yield tour
        tour.reader.close()


class TestTheDemo:
    """The README's five minutes."""

    def test_ends_with_an_order_on_a_table(self, tour: Tour) -> None:
        running = tour.running
        order, look, _ = curls_of_the_readme()
        assert order in printed_curl(running.output).replace(running.base_url, "http://127.0.0.1:8000")
        eventually(lambda: running.output.count(": connected to") == 2, what="two POSes are online")
        opened = ask(tour.folder, printed_curl(running.output))
        assert (opened["outcome"], opened["payload"]["Order"]["ServiceModeEntityID"]) == ("answered", "5")
        [found] = ask(tour.folder, look.replace("http://127.0.0.1:8000", running.base_url))["payload"]["Orders"]
        assert found["SalesTransactionID"] == opened["payload"]["Order"]["SalesTransactionID"]


class TestTheDocuments:
    """The examples of README.md, the first tutorial, docs/api.md and the OpenAPI description, on the demo server."""

    def test_every_block_of_the_api_document_does_what_it_says(
        self, tour: Tour, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for block in blocks_of("docs/api.md"):
            if block.is_python:
                assert tour.reader.run_python(block.text) == block.expected, block.text
                continue
            assert_success(tour.reader.run_shell(block.text))
            for name in ("PORTAL_API_KEY", "NO_PROXY"):
                monkeypatch.setenv(name, tour.reader.environment[name])

    def test_every_payload_of_the_api_document_passes_the_check(
        self, tour: Tour, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        blocks = blocks_of("docs/api.md")
        for block in blocks:
            if not block.is_python:
                assert_success(tour.reader.run_shell(with_check(block.text)) if "message_type" in block.text else "")
        tour.reader.close()  # the first block creates another client
        key = (tour.folder / "data" / "demo" / "api-key").read_text().strip()
        monkeypatch.setenv("PORTAL_API_KEY", key)
        monkeypatch.setenv("NO_PROXY", "*")
        for block in [each for each in blocks if each.is_python]:
            assert tour.reader.run_python(with_check(block.text)) == block.expected, block.text

    def test_every_command_of_the_readme_and_of_the_first_tutorial_is_answered(self, tour: Tour) -> None:
        documents = ("README.md", "docs/tutorials/first-outlet.md")
        blocks = [each.text for document in documents for each in blocks_of(document) if not each.is_python]
        [station] = [each for each in blocks if "outlets.jsonl" in each]
        asked = [each for each in blocks if "curl" in each or "create_api_key" in each or "enable_outlet" in each]
        assert len(asked) == 5
        for block in asked:
            commands = block.partition(".venv/bin/python manage.py simulate_pos")[0]
            assert_success(tour.reader.run_shell(commands))
            if "message_type" in commands:
                assert_success(tour.reader.run_shell(with_check(commands)))
        with until_block_ends(station, tour) as process:
            eventually(lambda: "demo-station" in tour.online(), what=process.log_text())
        [own] = [each for each in blocks if "simulate_pos --credentials outlet.json" in each]
        with until_block_ends(own[own.index(".venv/bin/python manage.py simulate_pos") :], tour) as process:
            eventually(lambda: "connected to" in process.log_text(), what="the reader's own outlet is online")

    def test_every_example_of_the_description_is_answered(self, tour: Tour) -> None:
        with tour.client as client:
            call = client.get("schema?format=json").json()["paths"]["/api/v1/outlets/{provider_outlet_id}/requests"]
            examples = call["post"]["requestBody"]["content"]["application/json"]["examples"]
            assert len(examples) == 6
            for name, example in examples.items():
                for more in ({}, {"validate": True}):
                    answer = client.post("outlets/demo-airport/requests", json=example["value"] | more)
                    assert (answer.status_code, answer.json().get("outcome")) == (200, "answered"), (name, answer.text)


class TestTheEndOfTheDemo:
    """These tests run after those of the documents, because they stop the server that the documents need."""

    def test_ends_its_poses(self, tour: Tour) -> None:
        assert tour.running.process.stop() == 0, tour.running.process.log_tail()
        assert tour.running.output.endswith(" ended\n")

    def test_by_a_kill_ends_the_poses_of_a_second_start_which_creates_no_second_demo(self, tour: Tour) -> None:
        tour.running.process.stop()
        with served_until_killed(tour.folder, "--demo") as running:
            assert "The demo already exists" in running.output
            eventually(lambda: ": connected to" in running.output, what="a POS is online")
            os.kill(running.process.pid, signal.SIGKILL)
            eventually(lambda: running.output.endswith(" ended\n"), what="the POSes have ended")


def assert_success(output: str) -> None:
    """Assert that no JSON in the output of commands is a problem or a refusal."""
    for answer in answers_in(output):
        assert "type" not in answer, answer
        assert "ErrorMessage" not in answer, answer
        assert answer.get("outcome", "answered") == "answered", answer


def with_check(text: str) -> str:
    """Return the example with its payload checked against the documented model."""
    asked = text.replace('"message_type": "', '"validate": true, "message_type": "')
    return asked.replace('{"message_type": message_type,', '{"validate": True, "message_type": message_type,')


@contextmanager
def until_block_ends(block: str, tour: Tour) -> Iterator[Process]:
    """Run a command that runs until Ctrl-C."""
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


@pytest.fixture(scope="module")
def configured(
    first_runs: tuple[Path, list[Running]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Running]]:
    """A start from another folder, with the operator's data folder and `.env`."""
    caller = tmp_path_factory.mktemp("caller")
    folder = copy_with_venv(caller / "checkout", first_runs[0])
    (folder / ".env").write_text("# ours\nPUBLIC_URL=http://orders.example.com\nSECRET_KEY=\n")
    with serving(folder, "--data-dir", "elsewhere", cwd=caller) as running:
        yield folder, running


class TestAStartWithTheOperatorsSettings:
    def test_finds_the_data_folder_relative_to_the_callers_folder(self, configured: tuple[Path, Running]) -> None:
        folder, running = configured
        assert PASSWORD.search(running.output)
        assert (folder.parent / "elsewhere" / "portal.sqlite3").exists()
        assert not (folder / "data").exists()

    def test_keeps_the_values_of_the_env_file(self, configured: tuple[Path, Running]) -> None:
        folder, running = configured
        assert "ws://orders.example.com\n" in running.output
        assert running.base_url not in running.output
        start = "# ours\nPUBLIC_URL=http://orders.example.com\nSECRET_KEY="
        assert (folder / ".env").read_text().startswith(start)
        assert "Added a new SECRET_KEY" in running.output


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffSECRET_KEY={}\n",
        "SECRET_KEY={}\r\n",
        "export SECRET_KEY='{}'\n",
        "SECRET_KEY=#{}\n",
        "SECRET_KEY = {}\n",
        "SECRET_KEY={} # ours\n",
    ],
)
def test_an_existing_key_is_never_replaced_nor_printed(furnished: Path, content: str) -> None:
    """Either the server starts with the key, or one line says why the key cannot be read."""
    key = "$k3y-" * 12
    env_file = furnished / ".env"
    env_file.write_text(content.format(key), encoding="utf-8", newline="")
    before = env_file.read_bytes()
    done = run(furnished, "script/server", "--host", "203.0.113.7")
    assert "203.0.113.7" in complaint(done) or ".env" in complaint(done)
    prepared = run(furnished, ".venv/bin/python", "-c", "from portal import settings")
    assert "SECRET_KEY is not set" not in prepared.stderr
    assert env_file.read_bytes() == before
    assert key not in done.stderr + prepared.stdout + prepared.stderr


def test_the_scripts_and_the_server_agree_about_what_the_env_file_sets(furnished: Path) -> None:
    (furnished / ".env").write_text("#DATABASE_URL=x\nexport PUBLIC_URL='http://a.example.com'\nREDIS_URL=\nA='#'\n")
    names = run(furnished, ".venv/bin/python", "-I", "-S", "portal/env_file.py", "names").stdout.split()
    assert {"PUBLIC_URL", "A"} <= set(names)
    assert not {"DATABASE_URL", "REDIS_URL"} & set(names)


def test_no_new_key_is_created_for_a_database_that_needs_the_old_one(with_database: Path) -> None:
    refused = run(with_database, "script/server", "--port", str(free_port()))
    assert "SECRET_KEY is not set, but DATA_DIR contains a database" in complaint(refused)
    assert not (with_database / ".env").exists()


def test_with_a_key_in_the_environment_no_env_file_is_created(with_database: Path) -> None:
    with serving(with_database, env={"SECRET_KEY": "k" * 50}):
        pass
    assert not (with_database / ".env").exists()


def test_a_changed_lock_file_is_installed_at_the_next_start(furnished: Path) -> None:
    give_own_stamp(furnished)
    with (furnished / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert "Installing requirements.lock" in run(furnished, "script/bootstrap").stdout
    assert run(furnished, "script/bootstrap").stdout == ""


class TestOneClearLine:
    def test_for_a_port_in_use(self, bare: Path, first_runs: tuple[Path, list[Running]]) -> None:
        port = first_runs[1][0].base_url.rpartition(":")[2]
        assert f"port {port} of 127.0.0.1 is in use" in complaint(run(bare, "script/server", "--port", port))
        assert nothing_was_made(bare)

    def test_for_an_address_that_is_not_this_machines(self, bare: Path) -> None:
        refused = run(bare, "script/server", "--host", "203.0.113.7", "--port", str(free_port()))
        assert "203.0.113.7 is not an address of this machine" in complaint(refused)

    def test_for_a_python_that_is_too_old(self, bare: Path, tmp_path: Path) -> None:
        python = fake_python(tmp_path, "sys.version_info = (3, 9, 18, 'final', 0)")
        said = complaint(run(bare, "script/server", env={"PYTHON": str(python)}))
        assert "Python 3.11 or newer is needed" in said
        assert "is 3.9" in said
        assert nothing_was_made(bare)

    def test_for_a_python_without_venv(self, bare: Path, tmp_path: Path) -> None:
        python = fake_python(tmp_path, "sys.modules['ensurepip'] = None")
        said = complaint(run(bare, "script/server", env={"PYTHON": str(python)}))
        assert "has no venv module" in said
        assert "apt install python3-venv" in said
        assert nothing_was_made(bare)

    def test_for_a_python_that_is_not_installed(self, bare: Path) -> None:
        refused = run(bare, "script/server", env={"PYTHON": "/nonexistent/python3"})
        assert "/nonexistent/python3 is not installed" in complaint(refused)

    def test_for_a_data_folder_that_cannot_be_created(self, bare: Path, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        refused = run(bare, "script/server", "--port", str(free_port()), "--data-dir", str(tmp_path / "file" / "data"))
        assert "cannot create the data folder" in complaint(refused)
        assert nothing_was_made(bare)

    def test_for_a_data_folder_of_the_env_file_that_cannot_be_created(self, furnished: Path) -> None:
        (furnished / ".env").write_text(f"SECRET_KEY={'k' * 50}\nDATA_DIR=/dev/null/data\n")
        refused = run(furnished, "script/server", "--port", str(free_port()))
        assert "DATA_DIR cannot be created" in complaint(refused)

    @pytest.mark.parametrize("options", [["--bogus"], ["serve"], ["--port"], ["--port="], ["--port", "70000"]])
    def test_for_unknown_options(self, bare: Path, options: list[str]) -> None:
        assert "--help" in complaint(run(bare, "script/server", *options), status=2)

    def test_for_a_lock_file_that_does_not_exist(self, bare: Path) -> None:
        assert "no such lock file" in complaint(run(bare, "script/bootstrap", "other.lock"), status=2)


def test_help_is_printed_without_setting_anything_up(bare: Path) -> None:
    done = run(bare, "script/server", "--help")
    assert done.returncode == 0
    assert {"--host", "--port", "--data-dir", "--demo"} <= set(re.findall(r"--[\w-]+", done.stdout))
    assert nothing_was_made(bare)


def test_every_lock_file_pins_what_the_smaller_one_pins() -> None:
    run_time, scale, dev = (pins(f"requirements{kind}.lock") for kind in ("", "-scale", "-dev"))
    assert run_time <= scale <= dev


@pytest.fixture
def untidy(tmp_path: Path) -> Path:
    """A checkout without .venv, in which ruff finds an error: script/test ends with its first check."""
    installed = Path(sys.prefix) / "installed"
    if not installed.exists() or "requirements-dev.lock" not in installed.read_text():
        pytest.skip("this Python's packages were not installed by script/bootstrap requirements-dev.lock")
    checkout = copy_project(tmp_path / "checkout")
    (checkout / "integrations" / "untidy.py").write_text("import os\n")
    shutil.rmtree(checkout / "tests" / "clients", ignore_errors=True)
    return checkout


def test_script_test_names_the_check_that_failed_and_stops_there(untidy: Path) -> None:
    (untidy / ".venv").symlink_to(sys.prefix)
    failed = run(untidy, "script/test", "--version")  # an option of pytest, to keep this suite from running recursively
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == "script/test: ruff check failed"
    assert failed.stdout == "==> ruff check\n"
    assert not (untidy / ".env").exists()


@pytest.mark.parametrize("option", ["--python {}", "--python={}", "-k x --python {}"])
def test_script_test_uses_an_environment_of_the_named_python(untidy: Path, option: str) -> None:
    version = "{}.{}".format(*sys.version_info)
    (untidy / f".venv-{version}").symlink_to(sys.prefix)
    failed = run(untidy, "script/test", *option.format(version).split())
    assert failed.stderr.splitlines()[-1] == "script/test: ruff check failed"
    assert failed.stdout == "==> ruff check\n"
    assert not (untidy / ".venv").exists()


def test_script_test_says_how_to_get_a_python_that_is_not_installed(bare: Path) -> None:
    said = complaint(run(bare, "script/test", "--python", "3.99"))
    assert "Python 3.99 is not installed" in said
    assert "apt install python3.99-venv" in said
    assert not list(bare.glob(".venv*"))


@pytest.mark.parametrize("options", [["--python"], ["--python="], ["--python", "3"], ["--python", "-k"]])
def test_script_test_requires_a_version_after_python(bare: Path, options: list[str]) -> None:
    assert "such as 3.13" in complaint(run(bare, "script/test", *options), status=2)


def test_a_python_in_a_folder_of_pyenv_is_found_although_its_shim_does_not_run(bare: Path, tmp_path: Path) -> None:
    version = "{}.{}".format(*sys.version_info)
    commands = {f"python{version}": "exit 127", "pyenv": f'[ "$*" = "prefix {version}" ] && echo {sys.prefix}'}
    for name, body in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    found = run(bare, "script/find_python", version, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert found.stdout == f"{sys.executable}\n"


@pytest.mark.django_db
class TestFirstLogin:
    def test_does_and_prints_nothing_if_there_is_a_superuser(self) -> None:
        User.objects.create_superuser("somebody", password="known to them")
        assert first_login() == ""
        assert User.objects.count() == 1

    def test_creates_a_superuser_with_the_password_that_it_prints(self) -> None:
        [password] = PASSWORD.findall(first_login())
        admin = User.objects.get(username="admin")
        assert admin.is_superuser
        assert admin.is_staff
        assert admin.check_password(password)

    def test_does_not_make_an_existing_user_of_that_name_a_superuser(self) -> None:
        User.objects.create_user("admin")
        with pytest.raises(CommandError, match="another user has the name admin"):
            first_login()


def first_login() -> str:
    output = io.StringIO()
    call_command("first_login", stdout=output)
    return output.getvalue()


def copy_project(target: Path) -> Path:
    """Copy the files of a clone, without .venv, .env and data. Works without a .git folder as well."""
    if not (PROJECT / ".git").exists():
        return shutil.copytree(PROJECT, target, ignore=shutil.ignore_patterns(*NOT_CLONED), dirs_exist_ok=True)
    for name in files_of_git():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, target / name)
    return target


def copy_with_venv(target: Path, made: Path) -> Path:
    """Copy the files of a clone, which then uses the .venv of a checkout that is set up."""
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
    """Start script/server on a free port; at the end, SIGTERM must end it with exit code 0."""
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
    """Return the commands of the README's first five minutes, without their indentation."""
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
            return httpx2.get(f"{running.base_url}/healthz", trust_env=False).status_code == 200
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
    """Return the only line that a refused call may print."""
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def nothing_was_made(folder: Path) -> bool:
    return not any((folder / name).exists() for name in (".venv", ".env", "data"))


def fake_python(folder: Path, statement: str) -> Path:
    """Create a Python that runs the statement before the code of -c."""
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
