"""The harness of the live tests: its checks fail when they should."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import psycopg
import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from tests.live.callers import clients
from tests.live.stack import failures
from tests.live.stack.binaries import need
from tests.live.stack.ledger import Ledger
from tests.live.stack.postgres import Postgres
from tests.live.stack.processes import Process, plain_environment
from tests.live.stack.redis import Redis
from tests.live.stack.waiting import StillFalseError, eventually
from tests.support.emptying import empty_database
from tests.support.factories import STATION, make_enabled_outlet
from tests.support.quick import ProcessStarted

SECRET = "ONPS-8K2PX-4ZQ7M-11ABC-DEFGH-JKMNP-QRSTV-WXYZ0"
TOKEN = "MTU6MTp0b2tlbg:1vNq2z:c2lnbmF0dXJl"


@pytest.fixture
def warning_server(tmp_path: Path) -> Iterator[None]:
    """A process whose log has a line of normal operation and a warning."""
    lines = ('{"level": "INFO", "message": "normal"}', '{"level": "WARNING", "message": "pool exhausted"}')
    command = (sys.executable, "-uc", f"for line in {lines!r}: print(line)\nimport time; time.sleep(60)")
    server = Process(command, log=tmp_path / "server.log", env=plain_environment())
    server.start()
    eventually(lambda: "exhausted" in server.log_text())
    yield
    server.kill()


@pytest.mark.processes
@pytest.mark.usefixtures("warning_server")
@pytest.mark.parametrize(("outcome", "shown"), [("failed", ["pool exhausted"]), ("passed", [])])
def test_a_failure_is_shown_with_the_warnings_of_the_servers(
    pytestconfig: pytest.Config, outcome: Literal["passed", "failed"], shown: list[str]
) -> None:
    assert pytestconfig.pluginmanager.is_registered(failures)
    report = pytest.TestReport("test", ("", 0, ""), {}, outcome, None, "call")
    hook = failures.pytest_runtest_makereport()
    next(hook)
    with pytest.raises(StopIteration):
        hook.send(report)
    assert [json.loads(text)["message"] for name, text in report.sections if "server.log" in name] == shown


def leaks_in(log: Path, *lines: str) -> list[str]:
    ledger = Ledger()
    ledger.remember(SECRET, TOKEN)
    ledger.watch(log).write_text("".join(f"{line}\n" for line in lines))
    return ledger.leaks()


def test_a_logged_token_is_found_with_its_file_and_line(tmp_path: Path) -> None:
    (leak,) = leaks_in(tmp_path / "server.log", "started", f"GET /?token={TOKEN} 101")
    assert leak.startswith(f"{tmp_path / 'server.log'}:2: ")


def test_a_logged_secret_is_masked_in_the_report(tmp_path: Path) -> None:
    (leak,) = leaks_in(tmp_path / "server.log", f"GET /?token={TOKEN} 101")
    assert TOKEN not in leak
    assert "token=MTU6[" in leak


@pytest.mark.parametrize(
    "spelt",
    [
        SECRET,
        SECRET.replace("-", ""),
        SECRET.removeprefix("ONPS-").replace("-", ""),
        TOKEN.replace(":", "%3A"),
        f"repr {SECRET!r} in a traceback",
    ],
)
def test_a_logged_secret_is_found_however_it_is_spelt(tmp_path: Path, spelt: str) -> None:
    assert len(leaks_in(tmp_path / "server.log", f"before {spelt} after")) == 1


def test_nothing_is_found_in_a_log_without_secrets(tmp_path: Path) -> None:
    assert leaks_in(tmp_path / "server.log", "GET /?token=[redacted] 101", "ONPS-8K2PX was retired") == []


def test_the_tests_of_one_file_stay_on_one_worker(request: pytest.FixtureRequest) -> None:
    """If a file's tests ran on several workers, each worker would start the servers that the tests share."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("on one process all tests are together")
    assert request.node.nodeid.endswith(f"@{Path(__file__).stem}")


def test_a_ledger_shows_no_secret_when_it_is_printed() -> None:
    ledger = Ledger()
    ledger.remember(SECRET)
    assert SECRET not in repr(ledger)


def test_a_wait_that_times_out_reports_the_last_value() -> None:
    with pytest.raises(StillFalseError, match="the door opens: still 0 after"):
        eventually(lambda: 0, timeout=0.1, what="the door opens")


def test_a_missing_program_skips_the_test_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        need("no-such-program")


def test_a_missing_program_fails_the_test_where_skipping_is_forbidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-program"):
        need("no-such-program")


@pytest.mark.django_db
def test_committed_rows_are_deleted_and_rows_that_django_derives_from_models_stay() -> None:
    make_enabled_outlet(STATION)
    User.objects.create_user("anna").user_permissions.set(Permission.objects.all())
    before = _row_counts()
    assert {ContentType, Permission} < before.keys()
    empty_database()
    assert _row_counts() == {model: before[model] for model in (ContentType, Permission)}


def _row_counts() -> dict[type[Model], int]:
    """Return the number of rows of each model that has any."""
    counts = {model: model._default_manager.count() for model in apps.get_models(include_auto_created=True)}
    return {model: count for model, count in counts.items() if count}


@pytest.mark.parametrize(
    "start",
    [partial(subprocess.run, ["true"], check=True), partial(os.system, "true"), os.fork],
    ids=["subprocess", "system", "fork"],
)
def test_a_test_without_the_marker_starts_no_process(start: Callable[[], object]) -> None:
    """A test without the marker fails if it starts a process, so `script/test --quick` never starts one."""
    with pytest.raises(ProcessStarted, match=r"starts_no_process.* starts a process .*pytest.mark.processes"):
        start()


@pytest.mark.processes
def test_a_process_dies_with_the_run_that_started_it(tmp_path: Path) -> None:
    need("setpriv")
    log = tmp_path / "log"
    script = (
        "import os, signal, sys; from pathlib import Path; from tests.live.stack.processes import *;"
        "from tests.live.stack.waiting import eventually;"
        "command = ['sh', '-c', 'echo up; exec sleep 300'];"
        "child = Process(command, log=Path(sys.argv[1]), env=plain_environment());"
        "child.start(); eventually(child.log_text); print(child.pid, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    run = subprocess.run([sys.executable, "-c", script, str(log)], capture_output=True, text=True, check=False)
    eventually(lambda: not _lives(int(run.stdout)), what="the child died")


@pytest.mark.processes
def test_a_stopped_process_has_an_exit_status_and_its_log(tmp_path: Path) -> None:
    script = "trap 'echo stopped; exit 7' TERM; echo started; while :; do sleep 0.05; done"
    process = Process(["sh", "-c", script], log=tmp_path / "log", env=plain_environment())
    process.start()
    eventually(lambda: "started" in process.log_text())
    assert process.stop() == 7
    assert process.log_text() == "started\nstopped\n"


@pytest.mark.processes
def test_postgres_keeps_its_databases_when_it_is_killed_and_started_again(tmp_path: Path) -> None:
    postgres = Postgres.create(tmp_path)
    try:
        postgres.start()
        database = postgres.create_database()
        postgres.kill()
        postgres.start()
        with psycopg.connect(postgres.url(database)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        postgres.close()


@pytest.mark.processes
def test_redis_starts_again_after_it_was_stopped(tmp_path: Path) -> None:
    redis = Redis.create(tmp_path)
    try:
        redis.start()
        redis.stop()
        redis.start()
        assert redis.process.is_running
    finally:
        redis.close()


def test_the_node_client_is_locked_without_download_addresses() -> None:
    lock = (clients.NODE_FOLDER / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert '"integrity": "sha512-' in lock


def _lives(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()
