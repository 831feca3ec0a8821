"""The documented commands for setting up, backing up and restoring PostgreSQL work when an operator types them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from psycopg import sql

from integrations.models.request import RequestState
from tests.live.stack import warm_start
from tests.live.stack.binaries import need
from tests.live.stack.postgres import MIGRATED, SUPERUSER, Postgres
from tests.live.stack.processes import Process, free_port, plain_environment
from tests.live.stack.redis import Redis
from tests.live.stack.waiting import eventually
from tests.portal.operations.checkout import copy_project
from tests.support.project import PROJECT

GUIDE = PROJECT / "docs/how-to/use-postgresql-and-redis.md"
BACKUP_GUIDE = PROJECT / "docs/how-to/back-up-and-restore.md"
PASSWORD = "Pa55word"


@pytest.fixture
def empty_postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL as a Linux distribution installs it: without any role or database of the portal.

    The role `portal`, which the documented commands create, can connect only with its password.
    """
    instance = Postgres.create(tmp_path)
    instance.start()
    with psycopg.connect(instance.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(MIGRATED)))
        connection.execute("CREATE ROLE postgres SUPERUSER LOGIN")
        (rules,) = connection.execute("SHOW hba_file").fetchone() or ("",)
        file = Path(str(rules))
        file.write_text(f"host all portal all scram-sha-256\n{file.read_text()}")
    with psycopg.connect(instance.url("postgres").replace(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER ROLE {} RENAME TO installer").format(sql.Identifier(SUPERUSER)))
        connection.execute("SELECT pg_reload_conf()")
    yield instance
    instance.close()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh clone with this repository's .venv, because installing requirements-scale.lock takes half a minute."""
    installed = Path(sys.prefix) / "installed"
    if not installed.exists() or "requirements-scale.lock" not in installed.read_text():
        pytest.skip("this Python's packages were not installed by script/bootstrap")
    folder = copy_project(tmp_path / "checkout")
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def test_the_commands_of_the_guide_work_on_a_fresh_clone(
    checkout: Path, empty_postgres: Postgres, redis: Redis, tmp_path: Path
) -> None:
    port = free_port()
    text = fitted(block_after(GUIDE, "## A new installation"), empty_postgres, redis)
    text = text.replace("script/server", f"exec script/server --port {port}")
    env = with_sudo(tmp_path, empty_postgres)
    server = Process(["bash", "-euc", text], log=tmp_path / "typed.log", env=env, cwd=checkout)
    server.start()
    try:
        eventually(lambda: is_ready(port, server), timeout=60, what="the server is ready")
        assert re.search(r"^  password   \S{24}$", server.log_text(), re.MULTILINE)
        assert '"layer": "reachable"' in httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).text
        assert (checkout / ".env").stat().st_mode & 0o777 == 0o600
        assert not list(checkout.glob("data/*.sqlite3"))
        assert server.stop() == 0
    finally:
        server.kill()


def test_the_rows_of_an_embedded_database_move_to_postgresql(
    checkout: Path, empty_postgres: Postgres, redis: Redis, tmp_path: Path
) -> None:
    env = with_sudo(tmp_path, empty_postgres)
    env |= {"SECRET_KEY": "s" * 40 + "0123456789", "PUBLIC_URL": "http://127.0.0.1:1"}
    manage(checkout, env, "prepare")
    manage(checkout, env, "demo")
    manage(checkout, env, "shell", "--no-imports", "-c", FURNISH)
    before = contents(checkout, env)
    creating = fitted(block_after(GUIDE, "## A new installation"), empty_postgres, redis)
    type_in(checkout, env, creating.split("cat >>.env")[0])
    steps = fitted(block_after(GUIDE, "## From SQLite to PostgreSQL"), empty_postgres, redis)
    type_in(checkout, env, steps.replace("manage.py doctor", "manage.py outlets"))
    moved = env | {"DATABASE_URL": f"postgres://portal:{PASSWORD}@127.0.0.1:{empty_postgres.port}/portal"}
    assert contents(checkout, moved) == before
    assert before["integrations_request"]
    assert (checkout / "portal.json").stat().st_mode & 0o777 == 0o600
    again = ["enable_outlet", "--organisation", "Later", "--outlet", "Later", "--pos-remote-id", "Later-1"]
    # This fails unless the sequences of the new database continue after the IDs of the moved rows.
    manage(checkout, moved, *again)
    findings = manage(checkout, moved, "doctor", "--format", "json", status=1).stdout
    assert '"Everything that is stored under a key' in findings


def test_a_backup_of_postgresql_restores_every_row_and_the_replaced_database_is_kept(
    empty_postgres: Postgres, redis: Redis, tmp_path: Path
) -> None:
    folder = copy_project(tmp_path / "checkout")
    here = with_sudo(tmp_path, empty_postgres) | {"PGPORT": str(empty_postgres.port), "PGPASSWORD": PASSWORD}
    creating = fitted(block_after(GUIDE, "## A new installation"), empty_postgres, redis)
    type_in(folder, here, creating.split("cat >>.env")[0])
    url = f"postgres://portal:{PASSWORD}@127.0.0.1:{empty_postgres.port}/portal"
    env = here | {"SECRET_KEY": "s" * 40 + "0123456789", "DATABASE_URL": url}
    manage(folder, env, "prepare")
    manage(folder, env, "demo")
    before = contents(folder, env)
    backup, restore = blocks_after(BACKUP_GUIDE, "## PostgreSQL")
    type_in(folder, here, backup)
    assert (folder / "portal.dump").stat().st_mode & 0o777 == 0o600
    manage(folder, env, "enable_outlet", "--organisation", "Later", "--outlet", "Later", "--pos-remote-id", "Later-1")
    later = contents(folder, env)
    type_in(folder, here, restore)
    assert contents(folder, env) == before
    replaced = contents(folder, env | {"DATABASE_URL": f"{url}_before_restore"})
    assert replaced == later != before


# This script replaces the shipped message types with one that staff created, and adds a waiting request. The request
# has a user identifier, which is stored encrypted.
FURNISH = """
from datetime import timedelta
from django.utils import timezone
from integrations.models import Integration, MessageType, Request
from integrations.services.requests import contents
known = MessageType.objects.order_by("pk").first()
name, number = known.name, known.number
MessageType.objects.all().delete()
MessageType.objects.create(name=name, number=number)
kept, now = contents.keep_request("4711", '{"Name": "Süß"}'), timezone.now()
Request.objects.create(
    integration=Integration.objects.first(), request_id="r-1", message_type=4, device_id="d", payload=kept.payload,
    user_identifier=kept.user_identifier, sealed_request=kept.sealed, content_digest="0" * 64, received_at=now,
    send_before=now + timedelta(hours=1), answer_before=now + timedelta(hours=1), state="STATE",
)
""".replace("STATE", RequestState.QUEUED)

# This script prints the rows of the portal and of its accounts. It reads them through the models, because the output
# for SQLite and for PostgreSQL must be comparable.
SHOW = """
import json
from django.apps import apps
from django.core import serializers
found = {}
for model in apps.get_models():
    if model._meta.app_label in ("integrations", "auth", "account", "mfa", "socialaccount", "admin"):
        if model._meta.model_name not in ("lease", "sharedentry", "permission", "group"):
            found[model._meta.db_table] = json.loads(serializers.serialize("json", model.objects.order_by("pk")))
print(json.dumps(found))
"""


def contents(checkout: Path, env: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(manage(checkout, env, "shell", "--no-imports", "-c", SHOW).stdout)
    return found


def manage(checkout: Path, env: dict[str, str], *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = warm_start.run(arguments, cwd=checkout, env=env, stdin=None, timeout=120)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def type_in(checkout: Path, env: dict[str, str], text: str) -> None:
    done = subprocess.run(
        ["bash", "-euc", text], cwd=checkout, env=env, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr


def block_after(document: Path, heading: str) -> str:
    """Return the first block of commands in the section with this heading."""
    return blocks_after(document, heading)[0]


def blocks_after(document: Path, heading: str) -> list[str]:
    """Return all blocks of commands in the section with this heading."""
    section = document.read_text(encoding="utf-8").split(f"\n{heading}\n")[1].split("\n## ")[0]
    return [each.split("```")[0] for each in section.split("```sh\n")[1:]]


def fitted(text: str, postgres: Postgres, redis: Redis) -> str:
    """Return the text with a password filled in, and with the ports of the test's servers."""
    own = {
        "127.0.0.1:5432": f"127.0.0.1:{postgres.port}",
        "127.0.0.1:6379": f"127.0.0.1:{redis.port}",
        "'PASSWORD'": f"'{PASSWORD}'",
        ":PASSWORD@": f":{PASSWORD}@",
    }
    for written, meant in own.items():
        text = text.replace(written, meant)
    return text


def with_sudo(folder: Path, postgres: Postgres) -> dict[str, str]:
    """An environment in which `sudo -u postgres psql` reaches the test's server."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    psql = shutil.which("psql") or need("psql", folders=folders)
    if not (programs / "sudo").exists():
        start = f'PGHOST=127.0.0.1 PGPORT={postgres.port} PGUSER=postgres exec "$@"'
        (programs / "sudo").write_text(f'#!/bin/sh\n[ "$1 $2" = "-u postgres" ] || exit 1\nshift 2\n{start}\n')
        (programs / "sudo").chmod(0o755)
        (programs / "psql").symlink_to(psql)
    return plain_environment() | {"PATH": f"{programs}:{os.environ['PATH']}"}


def is_ready(port: int, server: Process) -> bool:
    assert server.is_running, server.log_text()
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, verify=False).status_code == 200
    except httpx2.TransportError:
        return False
