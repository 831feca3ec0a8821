"""The auth endpoint delays only callers that keep failing; attempts are recorded in the background."""

import itertools
import time
import uuid
from collections.abc import Callable, Iterator

import httpx2
import pytest

from integrations.services.connections.authentication import ADOPTED_WAITING
from tests.live.callers import records
from tests.live.callers.clients import authenticate, connect, token_for
from tests.live.callers.guessing import guesses
from tests.live.conftest import NewStack
from tests.live.stack.servers import Credentials, Depot, Server, Stack
from tests.live.stack.waiting import eventually
from tests.support.constants import FIRST_BLOCK, RECORD_INTERVAL, WATCH_INTERVAL, with_constants

PER_OUTLET, PER_ADDRESS = 3, 8
CONSTANTS = {FIRST_BLOCK: 60, WATCH_INTERVAL: 0.2}
LIMITS = {
    "AUTH_FAILURES_PER_OUTLET": str(PER_OUTLET),
    "AUTH_FAILURES_PER_ADDRESS": str(PER_ADDRESS),
    **with_constants(CONSTANTS),
}
WRONG_SECRET = "not-the-secret-at-all"
LONGEST_BLOCK = 900


class Outlets:
    """Outlets that the server already knows to be enabled.

    If the server noticed only during a test that an outlet is enabled, it would reset the outlet's failure count.
    """

    def __init__(self, stack: Stack, count: int) -> None:
        self._outlets = [stack.supply_outlet() for _ in range(count)]
        made = time.monotonic()
        eventually(lambda: time.monotonic() - made > 5 * CONSTANTS[WATCH_INTERVAL])

    def take(self) -> Credentials:
        """Return an outlet that no other test uses."""
        return self._outlets.pop()


@pytest.fixture(scope="module")
def behind_proxy(depot: Depot) -> Iterator[Stack]:
    """A stack with low limits. It trusts the tests as a proxy, and each test sends a different client address."""
    stack = depot.make("serve", env=LIMITS | {"TRUSTED_PROXIES": "127.0.0.1"})
    yield stack
    stack.close()


@pytest.fixture(scope="module")
def outlets(behind_proxy: Stack) -> Outlets:
    return Outlets(behind_proxy, 50)


def from_address(stack: Stack, outlet: Credentials, address: str, **changes: object) -> httpx2.Response:
    return authenticate(stack, outlet, headers={"X-Forwarded-For": address}, **changes)


def fail(stack: Stack, outlet: Credentials, address: str, times: int) -> list[int]:
    answers = [from_address(stack, outlet, address, AuthSecret=WRONG_SECRET) for _ in range(times)]
    return [answer.status_code for answer in answers]


def unknown_outlet() -> Credentials:
    return Credentials(f"unknown-{uuid.uuid4()}", "unknown", WRONG_SECRET)


def test_above_an_outlets_limit_the_answer_is_429_with_retry_after(behind_proxy: Stack, outlets: Outlets) -> None:
    outlet = outlets.take()
    assert fail(behind_proxy, outlet, "203.0.113.1", PER_OUTLET) == [401] * PER_OUTLET
    answer = from_address(behind_proxy, outlet, "203.0.113.1", AuthSecret=WRONG_SECRET)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert list(answer.json()) == ["ErrorMessage"]
    assert answer.headers["Cache-Control"] == "no-store"
    # The portal accepts a correct generated secret in spite of the block.
    assert from_address(behind_proxy, outlet, "203.0.113.1").status_code == 200


def test_known_tills_with_adopted_secrets_authenticate_during_guesses_from_many_addresses(
    new_stack: NewStack,
) -> None:
    stack = new_stack("serve", env={"TRUSTED_PROXIES": "127.0.0.1"})
    tills = {f"203.0.113.{number}": adopted_outlet(stack, number) for number in range(1, 4)}
    for address, till in tills.items():
        assert from_address(stack, till, address).status_code == 200
    # More concurrent callers than Argon2id's queue holds.
    callers, attacked = ADOPTED_WAITING + 8, tills["203.0.113.1"]
    with guesses(stack, attacked, WRONG_SECRET, callers=callers, address=changing_addresses()) as statuses:
        eventually(lambda: 503 in statuses, what="the queue of the flood is full")
        for _ in range(5):
            assert [from_address(stack, till, address).status_code for address, till in tills.items()] == [200] * 3


def adopted_outlet(stack: Stack, number: int) -> Credentials:
    return stack.enable_outlet(f"Till {number}", "--adopt-secret-stdin", stdin=f"sharedS3cr3t!-{number}\n")


def changing_addresses() -> Callable[[], str]:
    """Return a function that gives a new address with each call."""
    numbers = itertools.count()

    def change() -> str:
        number = next(numbers) % 65_000
        return f"198.51.{number // 250}.{number % 250}"

    return change


def test_the_correct_secret_from_another_address_is_always_accepted(behind_proxy: Stack, outlets: Outlets) -> None:
    outlet = outlets.take()
    for _ in range(PER_OUTLET + 3):
        fail(behind_proxy, outlet, "203.0.113.2", 1)
        assert from_address(behind_proxy, outlet, "203.0.113.3").status_code == 200


def test_a_failing_outlet_does_not_block_another_at_the_same_address(behind_proxy: Stack, outlets: Outlets) -> None:
    failing, other = outlets.take(), outlets.take()
    fail(behind_proxy, failing, "203.0.113.4", PER_OUTLET + 1)
    assert from_address(behind_proxy, other, "203.0.113.4").status_code == 200


def test_trying_many_outlets_from_one_address_is_refused_with_429(behind_proxy: Stack) -> None:
    statuses = [fail(behind_proxy, unknown_outlet(), "203.0.113.5", 1)[0] for _ in range(PER_ADDRESS + 1)]
    assert statuses == [401] * PER_ADDRESS + [429]


def test_a_block_applies_to_one_address_only(behind_proxy: Stack) -> None:
    for _ in range(PER_ADDRESS + 1):
        fail(behind_proxy, unknown_outlet(), "203.0.113.6", 1)
    assert fail(behind_proxy, unknown_outlet(), "203.0.113.7", 1) == [401]


def test_many_correct_poses_behind_one_address_are_never_slowed(
    behind_proxy: Stack,
    outlets: Outlets,
) -> None:
    poses = [outlets.take() for _ in range(3 * PER_ADDRESS)]
    for _ in range(4):
        statuses = {from_address(behind_proxy, pos, "203.0.113.8").status_code for pos in poses}
        assert statuses == {200}


def test_a_misconfigured_pos_does_not_slow_a_known_one(behind_proxy: Stack, outlets: Outlets) -> None:
    right = outlets.take()
    assert from_address(behind_proxy, right, "203.0.113.9").status_code == 200
    for _ in range(PER_ADDRESS + 1):
        fail(behind_proxy, unknown_outlet(), "203.0.113.9", 1)
    assert from_address(behind_proxy, right, "203.0.113.9").status_code == 200


def test_a_misconfigured_pos_does_not_slow_a_new_one(behind_proxy: Stack, outlets: Outlets) -> None:
    for _ in range(PER_ADDRESS + 1):
        fail(behind_proxy, unknown_outlet(), "203.0.113.10", 1)
    assert from_address(behind_proxy, outlets.take(), "203.0.113.10").status_code == 200


def test_a_forwarded_address_that_the_client_sent_does_not_count(behind_proxy: Stack, outlets: Outlets) -> None:
    outlet = outlets.take()
    statuses = [
        fail(behind_proxy, outlet, f"198.51.100.{number}, 203.0.113.11", 1)[0] for number in range(PER_OUTLET + 1)
    ]
    assert statuses == [401] * PER_OUTLET + [429]


def test_the_address_that_the_proxy_saw_is_recorded(behind_proxy: Stack, outlets: Outlets) -> None:
    outlet = outlets.take()
    from_address(behind_proxy, outlet, "198.51.100.1, 203.0.113.12")
    found = eventually(lambda: records.auth_addresses(behind_proxy, outlet.provider_outlet_id))
    assert found == ["203.0.113.12"]


def test_the_websocket_records_the_address_that_the_proxy_saw(behind_proxy: Stack, outlets: Outlets) -> None:
    outlet = outlets.take()
    token = token_for(behind_proxy, outlet)
    with connect(behind_proxy, token, headers={"X-Forwarded-For": "203.0.113.13"}):
        (row,) = eventually(lambda: records.connections(behind_proxy, outlet))
    assert row["address"] == "203.0.113.13"


@pytest.mark.parametrize("garbage", ["", "not an address", ",,,", "203.0.113.14:4711", "[::1]:80", "x" * 5000])
def test_an_empty_proxy_header_causes_no_error(behind_proxy: Stack, outlets: Outlets, garbage: str) -> None:
    assert from_address(behind_proxy, outlets.take(), garbage).status_code == 200


@pytest.mark.parametrize("server", ["serve", "daphne"])
def test_proxy_headers_from_untrusted_peers_are_ignored(new_stack: NewStack, server: Server) -> None:
    stack = new_stack(server, env=LIMITS)
    outlet = Outlets(stack, 1).take()
    statuses = [fail(stack, outlet, f"203.0.113.{number}", 1)[0] for number in range(PER_OUTLET + 1)]
    assert statuses == [401] * PER_OUTLET + [429]
    found = eventually(lambda: records.auth_addresses(stack, outlet.provider_outlet_id))
    assert set(found) == {"127.0.0.1"}


def test_each_further_failure_doubles_the_wait(new_stack: NewStack) -> None:
    stack = new_stack(env={"AUTH_FAILURES_PER_OUTLET": "1"} | with_constants({FIRST_BLOCK: 1}))
    outlet = unknown_outlet()
    waits = [retry_after_the_next_failure(stack, outlet) for _ in range(3)]
    assert waits == [1, 2, 4]


def retry_after_the_next_failure(stack: Stack, outlet: Credentials) -> int:
    def status() -> int:
        return authenticate(stack, outlet, AuthSecret=WRONG_SECRET).status_code

    eventually(lambda: status() == 401, what="the block is over")
    answer = authenticate(stack, outlet, AuthSecret=WRONG_SECRET)
    assert answer.status_code == 429
    return int(answer.headers["Retry-After"])


def test_no_wait_is_longer_than_15_minutes(new_stack: NewStack) -> None:
    stack = new_stack(env={"AUTH_FAILURES_PER_OUTLET": "1"} | with_constants({FIRST_BLOCK: 5000}))
    assert retry_after_the_next_failure(stack, unknown_outlet()) <= LONGEST_BLOCK


def test_a_setting_sends_refusals_as_200_for_a_pos_that_reads_only_200(new_stack: NewStack) -> None:
    stack = new_stack(env={"POS_REFUSALS_AS_200": "on"})
    outlet = stack.supply_outlet()
    stack.disable(outlet)
    wrong_secret = authenticate(stack, outlet, AuthSecret=WRONG_SECRET)
    wrong_pairing = authenticate(stack, stack.supply_outlet(), POSRemoteID="other")
    disabled = authenticate(stack, outlet)
    for answer in (wrong_secret, wrong_pairing, disabled):
        assert answer.status_code == 200
        assert list(answer.json()) == ["ErrorMessage"]
        assert answer.headers["Cache-Control"] == "no-store"
    assert "AccessToken" in authenticate(stack, stack.supply_outlet()).json()


@pytest.mark.parametrize("server", ["serve", "daphne"])
def test_stopping_the_server_writes_the_collected_records(new_stack: NewStack, server: Server) -> None:
    stack = new_stack(server, env={"DRAIN_SECONDS": "0"} | with_constants({RECORD_INTERVAL: 3600}))
    outlet = stack.supply_outlet()
    authenticate(stack, outlet, POSRemoteID="other")
    token_for(stack, outlet)
    assert records.auth_outcomes(stack, outlet.provider_outlet_id) == []
    assert records.last_used(stack, outlet) is None
    stack.stop()
    assert records.auth_outcomes(stack, outlet.provider_outlet_id) == ["wrong_pos_remote_id", "accepted"]
    assert records.last_used(stack, outlet)
