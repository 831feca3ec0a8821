"""Keys are rotated host by host: two running hosts work together while only one of them has the new keys."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2
import pytest

from tests.live.callers.backend import Backend, callers, pos_of, requests_of
from tests.live.callers.browser import first_login
from tests.live.callers.clients import authenticate, connect, request, token_for
from tests.live.conftest import SHARED_ENV
from tests.live.stack.ledger import LEDGER
from tests.live.stack.postgres import Postgres
from tests.live.stack.redis import Redis
from tests.live.stack.servers import Credentials, Depot, Stack
from tests.live.stack.waiting import eventually

SWITCH_SECONDS = 5


@dataclass(frozen=True)
class Hosts:
    """Two servers over one PostgreSQL. The old server has only the old key, and the new server has both keys."""

    old: Stack
    new: Stack
    keys: dict[str, str] = field(repr=False)

    def key_ids(self, outlet: Credentials) -> set[object]:
        """Return the ids of the keys that were used for the stored digests of an outlet's secrets."""
        query = (
            "SELECT key_id FROM integrations_credential"
            " JOIN integrations_integration ON integrations_integration.id = integration_id"
            " JOIN integrations_outlet ON integrations_outlet.id = outlet_id WHERE provider_outlet_id = %s"
        )
        return {key_id for (key_id,) in self.old.rows(query, outlet.provider_outlet_id)}


def make_hosts(depot: Depot, postgres: Postgres, redis: Redis) -> Hosts:
    old = depot.make("serve", postgres=postgres, redis=redis, env=SHARED_ENV)
    keys = {"SECRET_KEY": secrets.token_urlsafe(48), "SECRET_KEY_FALLBACKS": old.env["SECRET_KEY"]}
    LEDGER.remember(keys["SECRET_KEY"])
    return Hosts(old, depot.twin(old, env=keys), keys)


@pytest.fixture(scope="module")
def hosts(depot: Depot, postgres: Postgres, redis: Redis) -> Iterator[Hosts]:
    """Yield both hosts, running. The tests that share them must not stop them."""
    pair = make_hosts(depot, postgres, redis)
    yield pair
    pair.old.close()
    pair.new.close()


@pytest.fixture(scope="module")
def login(hosts: Hosts) -> tuple[str, str]:
    """The first staff login, which is printed only once."""
    return first_login(hosts.old)


def ask_with_pin(backend: Backend, outlet: Credentials, **options: object) -> httpx2.Response:
    return backend.ask(outlet, "GetUserFromPIN", {"PIN": "5678"}, user_identifier="1234", **options)


def test_an_order_with_a_pin_at_the_new_host_for_a_till_at_the_old_one_is_answered(hosts: Hosts) -> None:
    outlet, backend = hosts.old.supply_outlet(), Backend.of(hosts.old)
    with pos_of(outlet):
        eventually(lambda: backend.is_online(outlet))
        for _ in range(3):
            answer = ask_with_pin(backend.at(hosts.new), outlet)
            assert (answer.status_code, answer.json().get("outcome")) == (200, "answered"), answer.text


def test_an_api_key_used_at_the_new_host_is_valid_at_the_old_one(hosts: Hosts) -> None:
    backend = Backend.of(hosts.old)
    assert backend.at(hosts.new).get("outlets").status_code == 200
    # Wait until the use is recorded. If the new host wrongly replaced the stored digest with one under its own key, it
    # would do so in the same write, and the old host would then refuse the API key.
    query = "SELECT last_used_at FROM integrations_apikeysecret ORDER BY id DESC LIMIT 1"
    eventually(lambda: hosts.old.rows(query)[0][0], what="the new host has recorded the use")
    assert backend.get("outlets").status_code == 200
    assert backend.at(hosts.new).get("outlets").status_code == 200


def test_values_created_by_a_command_with_the_new_keys_are_valid_at_both_hosts(hosts: Hosts) -> None:
    backend, outlet = Backend.of(hosts.new), hosts.new.supply_outlet()
    rotated = hosts.new.rotate_secret(outlet)
    for stack in (hosts.old, hosts.new):
        assert backend.at(stack).get("outlets").status_code == 200
        assert authenticate(stack, rotated).status_code == 200


def test_a_pos_authenticates_at_both_hosts_and_its_tokens_are_valid_at_both(hosts: Hosts) -> None:
    outlet = hosts.old.supply_outlet()
    for issuing, opening in ((hosts.new, hosts.old), (hosts.old, hosts.new)):
        with connect(opening, token_for(issuing, outlet)) as pos:
            assert pos.is_open()


def test_a_person_who_signed_in_at_one_host_is_signed_in_at_the_other(hosts: Hosts, login: tuple[str, str]) -> None:
    name, password = login
    with httpx2.Client(trust_env=False, follow_redirects=True) as browser:
        page = browser.get(f"{hosts.new.base_url}/admin/login/").text
        (csrf,) = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        form = {"csrfmiddlewaretoken": csrf, "username": name, "password": password}
        browser.post(f"{hosts.new.base_url}/admin/login/", data=form)
        for stack in (hosts.new, hosts.old, hosts.new, hosts.old):  # cookies ignore ports, so both hosts get them
            assert browser.get(f"{stack.base_url}/admin/").url.path == "/admin/"


def test_a_host_started_with_only_the_old_key_is_not_ready_until_it_can_verify_all(
    depot: Depot, postgres: Postgres, redis: Redis
) -> None:
    hosts = make_hosts(depot, postgres, redis)
    outlet, backend = hosts.old.supply_outlet(), Backend.of(hosts.old)
    before = hosts.key_ids(outlet)
    assert readiness(hosts.old).status_code == 200
    hosts.old.stop()
    eventually(lambda: verified_at(hosts.new, outlet, backend) and hosts.key_ids(outlet) != before, what="it moves")
    hosts.old.start()
    refused = readiness(hosts.old)
    assert (refused.status_code, refused.json().get("keys")) == (503, "missing")
    assert "lacks a newer CREDENTIAL_KEY" in hosts.old.log_text()
    assert (authenticate(hosts.old, outlet).status_code, backend.get("outlets").status_code) == (503, 503)
    assert "no fallback does. Stored: 1 POS secrets, 1 API keys." in hosts.old.manage("doctor").stdout
    eventually(lambda: verified_at(hosts.new, outlet, backend) and hosts.key_ids(outlet) == before)
    eventually(lambda: readiness(hosts.old).status_code == 200, timeout=20, what="it can verify all again")
    assert authenticate(hosts.old, outlet).status_code == 200
    assert backend.get("outlets").status_code == 200
    hosts.old.close()
    hosts.new.close()


def readiness(stack: Stack) -> httpx2.Response:
    return request(stack, "GET", "/readyz")


def verified_at(stack: Stack, outlet: Credentials, backend: Backend) -> bool:
    """Return whether a host accepts the API key. Raises AssertionError if the host does not accept the POS secret.

    If the host now uses another key for new digests, it replaces the stored digests a moment after these calls.
    """
    assert authenticate(stack, outlet).status_code == 200
    return bool(backend.at(stack).get("outlets").status_code == 200)


def test_the_new_key_is_used_once_no_old_host_runs_and_the_old_key_if_an_old_host_returns(
    depot: Depot, postgres: Postgres, redis: Redis
) -> None:
    hosts = make_hosts(depot, postgres, redis)
    outlet, backend = hosts.old.supply_outlet(), Backend.of(hosts.old)
    before = hosts.key_ids(outlet)

    def moved() -> set[object]:
        assert authenticate(hosts.new, outlet).status_code == 200
        return hosts.key_ids(outlet) - before

    assert not moved()
    hosts.old.stop()
    eventually(moved, timeout=SWITCH_SECONDS, what="the digest moves to the new key")
    hosts.old.start()
    with pos_of(other := hosts.old.supply_outlet()), callers() as begin:
        eventually(lambda: hosts.key_ids(other) == before, timeout=SWITCH_SECONDS)
        eventually(lambda: authenticate(hosts.new, outlet).status_code == 200 and hosts.key_ids(outlet) == before)
        assert begin(ask_with_pin, backend.at(hosts.new), other, expires_in=30).result().status_code == 200
        assert [row["state"] for row in requests_of(hosts.old, other)] == ["answered"]
    hosts.old.stop()
    hosts.old.start(env=hosts.keys)
    eventually(moved, timeout=SWITCH_SECONDS, what="with the new keys on both hosts, the new one is used")
    assert authenticate(hosts.old, outlet).status_code == 200
