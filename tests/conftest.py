"""Fixtures of all tests: two outlets (one enabled, one never enabled), and checks after each test or after the run."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from argon2.low_level import hash_secret_raw
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client, TestCase, TransactionTestCase
from django.test.signals import setting_changed
from pytest_django import DjangoDbBlocker

from integrations.models import Outlet
from integrations.pos import tokens
from integrations.relay import runtime
from integrations.security import keyring, secret_digests
from integrations.services import wake
from integrations.services.handover import links as handover_links
from integrations.services.rows import remembered
from tests.live.stack.ledger import LEDGER
from tests.live.stack.prepared import prepared, use_folder
from tests.support import signing_in
from tests.support.emptying import empty_database
from tests.support.factories import HARBOUR, STATION, Enabled, make_enabled_outlet, make_outlet

pytest_plugins = ["tests.support.quick", "tests.live.stack.failures"]
gc.set_threshold(100_000)  # with the default, garbage collection takes a twentieth of the tests' CPU time

# Examples differ from run to run, and a failure prints how to repeat it. No deadline, because a machine may be busy.
hypothesis.settings.register_profile("portal", deadline=None, print_blob=True, database=None)
hypothesis.settings.load_profile("portal")


def _forget_keys(*, setting: str, **_rest: object) -> None:
    """Clear the caches of keys when a test changes a key setting; in production these settings never change."""
    if setting in ("SECRET_KEY", "SECRET_KEY_FALLBACKS", "CREDENTIAL_KEY", "CREDENTIAL_KEY_FALLBACKS"):
        for ring in (keyring.CREDENTIAL, keyring.SIGNING):
            ring.forget()
        for kept in (secret_digests.known_keys, tokens._signer_under):
            kept.cache_clear()


setting_changed.connect(_forget_keys)


def _cheap_argon2id(secret: bytes, salt: bytes, **parameters: Any) -> bytes:
    """Hash with minimal memory and time, because these hashes need not resist guessing in tests."""
    return hash_secret_raw(secret, salt, **parameters | {"time_cost": 1, "memory_cost": 64})


# Passphrases and fingerprints are hashed cheaply. Adopted secrets keep the real cost, because tests of the
# verification queue need it.
for module in (handover_links, secret_digests):
    module.hash_secret_raw = _cheap_argon2id  # type: ignore[attr-defined]
TransactionTestCase._fixture_teardown = empty_database  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Keep the tests of one file, or of one named stack, on one worker, because they share the servers that they start.

    Tests that commit form a separate group. They leave an empty database, so pytest-django runs them after the tests
    that need the rows of the migrations. Tests that share running servers run one after another. These servers stop
    before the other tests start (tests/live/conftest.py). Tests without processes come last. Each of their files takes
    only seconds, so all workers end at about the same time.
    """
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    yield
    items.sort(key=_position)


def _group(item: pytest.Item) -> str:
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    if stack := parameters.get("stack"):
        return str(stack)
    return f"{item.path.stem}, committing" if _commits(item) else item.path.stem


def _position(item: pytest.Item) -> int:
    fixtures = getattr(item, "fixturenames", ())
    if "shared_stack" in fixtures:
        return 0
    is_slow = item.get_closest_marker("processes") and "_django_db_helper" not in fixtures
    return 1 if is_slow else 2


def pytest_collection_finish() -> None:
    """Exclude the modules and the collected tests from garbage collection; each full collection would take 0.4 s."""
    gc.freeze()


def _commits(item: pytest.Item) -> bool:
    case = getattr(item, "cls", None)
    if case is not None and issubclass(case, TransactionTestCase):
        return not issubclass(case, TestCase)
    marker = item.get_closest_marker("django_db")
    return bool(marker and marker.kwargs.get("transaction")) or "transactional_db" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session", autouse=True)
def prepared_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let all workers share files that are slow to create, in the folder that contains the workers' own folders."""
    folder = tmp_path_factory.getbasetemp()
    use_folder(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Let pytest-django keep the database, because its folder is deleted at the end (tests/settings.py)."""
    return True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, prepared_files: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """Start with a copy of the migrated database. The original is created once in each run."""

    def migrate(folder: Path) -> None:
        name = connection.settings_dict["NAME"]
        connection.settings_dict["NAME"] = str(folder / "portal.sqlite3")
        with django_db_blocker.unblock():
            call_command("migrate", verbosity=0)
            connection.close()
        connection.settings_dict["NAME"] = name

    made = prepared("sqlite", migrate) / "portal.sqlite3"
    shutil.copy(made, settings.DATABASES["default"]["TEST"]["NAME"])


@pytest.fixture
def outlet(db: None) -> Outlet:
    """Return Harbour, an outlet that was never enabled."""
    return make_outlet(HARBOUR)


@pytest.fixture
def enabled(db: None) -> Enabled:
    """Return Station, an enabled outlet with a generated secret. Its POS never connected."""
    return make_enabled_outlet(STATION)


@pytest.fixture(scope="session", autouse=True)
def _no_log_contains_a_secret_or_token() -> Iterator[None]:
    """Fail at the end of the run if a log of the servers that this pytest worker started contains a secret or token."""
    yield
    leaks = LEDGER.leaks()
    assert not leaks, "\n".join([f"{len(leaks)} lines with a secret:", *leaks[:50]])


@pytest.fixture(autouse=True)
def _force_login_records_a_fresh_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `force_login` also record a password proof, without which the portal asks for re-authentication."""
    monkeypatch.setattr(Client, "force_login", signing_in.force_login)


@pytest.fixture(autouse=True)
def _no_runtime_keeps_running() -> Iterator[None]:
    """Fail a test that leaves its runtime running, because a process has only one and the next test would fail."""
    remembered.forget()
    yield
    assert runtime.current() is None, "the test did not stop its runtime"
    assert wake._listeners == [], "the test left listeners behind"
