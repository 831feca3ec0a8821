"""The commands of script/, run unchanged in copies of this checkout that are not set up yet."""

import os
import re
import shutil
import signal
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.callers.documents import Reader, blocks_of, texts_of
from tests.live.stack.processes import free_port
from tests.live.stack.waiting import eventually
from tests.portal.operations.checkout import (
    INSTALL_SECONDS,
    PASSWORD,
    Running,
    Tour,
    ask,
    assert_success,
    complaint,
    copy_database,
    copy_project,
    copy_with_venv,
    curls_of_the_readme,
    environment,
    fake_python,
    give_own_stamp,
    nothing_was_made,
    printed_curl,
    run,
    served_until_killed,
    serving,
    sign_in,
    started,
    state_of,
    until_block_ends,
    wait_until_up,
)

pytestmark = pytest.mark.processes


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


@pytest.fixture
def furnished(tmp_path: Path, first_runs: tuple[Path, list[Running]]) -> Path:
    """A checkout that has a .venv, but no .env and no data."""
    return copy_with_venv(tmp_path / "checkout", first_runs[0])


@pytest.fixture
def with_database(furnished: Path, first_runs: tuple[Path, list[Running]]) -> Path:
    """A checkout that has a .venv and a migrated database, but no SECRET_KEY."""
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


@pytest.fixture(scope="module")
def tour(first_runs: tuple[Path, list[Running]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    folder = copy_with_venv(tmp_path_factory.mktemp("tour"), first_runs[0])
    with serving(folder, "--demo") as running:
        own = {"PUBLIC_URL": running.base_url, "NO_PROXY": "*"}
        tour = Tour(folder, running, Reader(running.base_url, folder, environment(own)))
        eventually(lambda: tour.online() == {"demo-harbour", "demo-airport"}, what="two POSes are online")
        yield tour


class TestTheDemo:
    """The commands in the README's section "The first five minutes" work on the demo server."""

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
    """The commands of README.md and two guides, and the OpenAPI document's examples, work on the demo server."""

    def test_every_command_of_the_readme_and_of_the_first_tutorial_is_answered(self, tour: Tour) -> None:
        documents = ("README.md", "docs/tutorials/first-outlet.md")
        blocks = [each.text for document in documents for each in blocks_of(document) if not each.is_python]
        [station] = [each for each in blocks if "outlets.jsonl" in each]
        asked = [each for each in blocks if "curl" in each or "create_api_key" in each or "enable_outlet" in each]
        assert len(asked) == 5
        for block in asked:
            commands = block.partition(".venv/bin/python manage.py simulate_pos")[0]
            assert_success(tour.reader.run_shell(commands))
        with until_block_ends(station, tour) as process:
            eventually(lambda: "demo-station" in tour.online(), what=process.log_text())
        [own] = [each for each in blocks if "simulate_pos --credentials outlet.json" in each]
        with until_block_ends(own[own.index(".venv/bin/python manage.py simulate_pos") :], tour) as process:
            eventually(lambda: "connected to" in process.log_text(), what="the reader's own outlet is online")

    def test_every_command_of_the_guide_to_migration_enables_outlets(self, tour: Tour) -> None:
        guide = "docs/how-to/migrate-from-your-own-server.md"
        [file], [several, one] = texts_of(guide, "csv"), texts_of(guide, "sh")
        (tour.folder / "outlets.csv").write_text(file)
        commands = several + one.replace("read -rs SECRET", "SECRET=the-secret-of-the-third-till")
        listed = tour.reader.run_shell(f"{commands}\n.venv/bin/python manage.py outlets --format json")
        assert [each for each in ("outlet-17", "outlet-18", "outlet-19") if f'"{each}"' not in listed] == []

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
    """These tests run after TestTheDocuments, because they stop the server that the documents' commands use."""

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


@pytest.fixture(scope="module")
def configured(
    first_runs: tuple[Path, list[Running]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Running]]:
    """A checkout with an operator's `.env`, and its running server.

    The server was started from the folder above the checkout, with a data folder in that folder.
    """
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
    """The server either reads the key and refuses only the --host, or says in one line why it cannot read the key."""
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
