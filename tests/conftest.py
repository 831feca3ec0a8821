"""The fixed cast: an outlet of Trattoria Bella that was never enabled, and one that was."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from argon2.low_level import hash_secret_raw
from django.test import Client, TestCase, TransactionTestCase
from django.test.signals import setting_changed

from integrations.models import Outlet
from integrations.pos import tokens
from integrations.relay import runtime
from integrations.security import keyring, secret_digests
from integrations.services import wake
from integrations.services.handover import links as handover_links
from integrations.services.rows.remembered import forget_all
from tests.live.stack.ledger import LEDGER
from tests.support import signing_in
from tests.support.emptying import empty_database
from tests.support.factories import HARBOUR, STATION, Enabled, make_enabled_outlet, make_outlet

pytest_plugins = ["tests.support.quick"]

# The examples differ from run to run, and a failure prints how to repeat it; a busy machine is no failure.
hypothesis.settings.register_profile("portal", deadline=None, print_blob=True, database=None)
hypothesis.settings.load_profile("portal")


def _forget_keys(*, setting: str, **_rest: object) -> None:
    """Forget what is kept of settings that only tests change."""
    if setting in ("SECRET_KEY", "SECRET_KEY_FALLBACKS", "CREDENTIAL_KEY", "CREDENTIAL_KEY_FALLBACKS"):
        for ring in (keyring.CREDENTIAL, keyring.SIGNING):
            ring.forget()
        for kept in (secret_digests.known_keys, tokens._signer_under):
            kept.cache_clear()


setting_changed.connect(_forget_keys)


def _cheap_argon2id(secret: bytes, salt: bytes, **parameters: Any) -> bytes:
    """Hash with the least memory and time: the tests need these hashes to differ, not to resist guesses."""
    return hash_secret_raw(secret, salt, **parameters | {"time_cost": 1, "memory_cost": 64})


# Passphrases of hand-over links, and fingerprints. Adopted secrets keep the real costs, which tests of the queue need.
for module in (handover_links, secret_digests):
    module.hash_secret_raw = _cheap_argon2id  # type: ignore[attr-defined]
TransactionTestCase._fixture_teardown = empty_database  # type: ignore[attr-defined]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On several workers the tests of one file stay together, because they share what they start.

    Those that commit stay apart from the others of their file: what they leave is an empty database, and they come
    after all that need the rows of the migrations, as pytest-django orders them. Those that share a running server
    follow each other, so that it need not run beside the others (tests/live/conftest.py).
    """
    items.sort(key=lambda item: "shared_stack" not in getattr(item, "fixturenames", ()))
    for item in items:
        name = f"{item.path.stem}, committing" if _commits(item) else item.path.stem
        item.add_marker(pytest.mark.xdist_group(name))


def _commits(item: pytest.Item) -> bool:
    case = getattr(item, "cls", None)
    if case is not None and issubclass(case, TransactionTestCase):
        return not issubclass(case, TestCase)
    marker = item.get_closest_marker("django_db")
    return bool(marker and marker.kwargs.get("transaction")) or "transactional_db" in getattr(item, "fixturenames", ())


@pytest.fixture
def outlet(db: None) -> Outlet:
    """Harbour: there, and not enabled."""
    return make_outlet(HARBOUR)


@pytest.fixture
def enabled(db: None) -> Enabled:
    """Station: enabled, with a generated secret, its POS never seen."""
    return make_enabled_outlet(STATION)


@pytest.fixture(scope="session", autouse=True)
def _nothing_that_was_logged_holds_a_secret_or_a_token() -> Iterator[None]:
    """Read, when all is over, what every server logged; each worker of a run on several reads its own servers' logs."""
    yield
    leaks = LEDGER.leaks()
    assert not leaks, "\n".join([f"{len(leaks)} lines with a secret:", *leaks[:50]])


@pytest.fixture(autouse=True)
def _who_is_signed_in_has_just_proved_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that is not about signing in begins when somebody has; the portal itself takes no session for proved."""
    monkeypatch.setattr(Client, "force_login", signing_in.force_login)


@pytest.fixture(autouse=True)
def _no_rows_of_another_test_are_remembered() -> None:
    forget_all()


@pytest.fixture(autouse=True)
def _no_runtime_is_left() -> Iterator[None]:
    """The runtime is one per process: a test that leaves one behind would be the next one's fault."""
    yield
    assert runtime.current() is None, "the test left its runtime running"
    assert wake._listeners == [], "the test left listeners behind"
