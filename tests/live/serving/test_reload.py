"""SIGHUP applies the current `.env`, or changes nothing and logs the reason."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.live.stack.postgres import Postgres
from tests.live.stack.processes import Process, free_port, plain_environment
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Depot
from tests.live.stack.waiting import eventually
from tests.portal.operations.checkout import copy_project

SETTINGS = {
    "METRICS_TOKEN": "first-0123456789",
    "POS_REFUSALS_AS_200": "true",
    "DRAIN_SECONDS": "0",
}


class Reloaded:
    """`serve --workers 2` in a separate checkout with its own `.env`."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.base_url = f"http://127.0.0.1:{free_port()}"
        self.env_file = folder / ".env"
        self.always = {"SECRET_KEY": "s" * 50, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
        self.write(SETTINGS)
        command = [sys.executable, "manage.py", "serve", "--port", self.base_url.rpartition(":")[2], "--workers", "2"]
        self.process = Process(command, log=folder / "server.log", env=plain_environment(), cwd=folder)

    def write(self, values: dict[str, str], more: str = "") -> None:
        lines = "".join(f"{name}={value}\n" for name, value in (self.always | values).items())
        self.env_file.write_text(lines + more, encoding="utf-8")

    def workers(self) -> set[str]:
        return set(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split())

    def reload(self, *, until: str) -> None:
        before = self.process.log_text().count(until)
        self.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.process.log_text().count(until) > before, timeout=60, what=until)

    def seen(self) -> dict[str, int]:
        """Send requests whose answers depend on the settings; return the HTTP status of each by the request's name."""
        login = {"host": "pos.example.com"}
        return {
            "first token": self._get("/metrics", {"authorization": "Bearer first-0123456789"}),
            "second token": self._get("/metrics", {"authorization": "Bearer second-0123456789"}),
            "login by another name": self._get("/admin/login/", login),
            "refusal": httpx2.post(
                f"{self.base_url}/api/powerepos/v1/auth", content=b"{}", trust_env=False, verify=False
            ).status_code,
        }

    def _get(self, path: str, headers: dict[str, str]) -> int:
        url = f"{self.base_url}{path}"
        return httpx2.get(url, headers=headers, trust_env=False, verify=False, timeout=60).status_code


@pytest.fixture(scope="module")
def reloaded(
    depot: Depot, postgres: Postgres, redis: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reloaded]:
    folder = copy_project(tmp_path_factory.mktemp("reloaded"))
    stack = depot.make("serve", postgres=postgres, redis=redis)
    stack.stop()
    server = Reloaded(folder, stack.database_url, stack.redis_url)
    server.process.start()
    eventually(lambda: "All workers are ready" in server.process.log_text(), timeout=60, what="it serves")
    yield server
    server.process.kill()
    shutil.rmtree(folder)


def test_changed_new_and_removed_lines_take_effect(reloaded: Reloaded) -> None:
    reloaded.write(SETTINGS)
    assert reloaded.seen() == {"first token": 200, "second token": 403, "login by another name": 400, "refusal": 200}
    reloaded.write(
        {"METRICS_TOKEN": "second-0123456789", "ALLOWED_HOSTS": "pos.example.com,127.0.0.1", "DRAIN_SECONDS": "0"}
    )
    reloaded.reload(until="All workers have been restarted")
    assert reloaded.seen() == {"first token": 403, "second token": 200, "login by another name": 200, "refusal": 400}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("POS_TOKEN_LIFETIME=hunter2\n", "POS_TOKEN_LIFETIME must be a whole number"),
        ("OIDC_CLIENT_SECRET=hunter2 # ours\n", "OIDC_CLIENT_SECRET in .env"),
        ("PROVIDER_NAME='hunter2\n", "PROVIDER_NAME in .env"),
        ("POS_CLOSE_CODES=nonsense=1000\n", "POS_CLOSE_CODES has the unknown reason"),
        ("hunter2 hunter2\n", "of .env is not NAME=VALUE"),
    ],
)
def test_invalid_settings_are_named_and_keep_every_worker(reloaded: Reloaded, wrong: str, named: str) -> None:
    workers, seen = reloaded.workers(), reloaded.seen()
    reloaded.write({"METRICS_TOKEN": "third-0123456789"}, wrong)
    reloaded.reload(until="New settings rejected; the old workers stay")
    last = [line for line in reloaded.process.log_text().splitlines() if "New settings rejected" in line][-1]
    assert json.loads(last)["level"] == "ERROR"
    assert named in last
    assert "hunter2" not in reloaded.process.log_text()
    assert (reloaded.workers(), reloaded.seen()) == (workers, seen)


def test_replacement_workers_have_the_same_settings(reloaded: Reloaded) -> None:
    workers, seen = reloaded.workers(), reloaded.seen()
    reloaded.write({"METRICS_TOKEN": "third-0123456789"}, "POS_TOKEN_LIFETIME=hunter2\n")
    for worker in workers:
        os.kill(int(worker), signal.SIGKILL)
    eventually(lambda: len(reloaded.workers() - workers) == 2, timeout=30, what="two others are there")
    assert reloaded.seen() == seen
