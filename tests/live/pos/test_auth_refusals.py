"""Which callers get a token at the auth endpoint, what a refusal says, and which reason staff see."""

import secrets
import time
import uuid
from statistics import median

import pytest

from tests.live.callers import records
from tests.live.callers.auth_answers import assert_refused, assert_token
from tests.live.callers.clients import authenticate, token_for
from tests.live.conftest import ON_EACH_DATABASE, ON_EACH_SERVER
from tests.live.stack.servers import Credentials, Stack
from tests.live.stack.waiting import eventually

CPUCLOCK_SCHED = 2  # the type of clock that clock_getcpuclockid(3) selects for a process
WRONG_SECRET = "ONPS-" + "-".join(["AAAAA"] * 7)


def valid_secret_of_another(stack: Stack) -> str:
    return stack.supply_outlet().auth_secret


def mistyped(secret: str) -> str:
    return secret[:-6] + ("7" if secret[-6] != "7" else "8") + secret[-5:]


@ON_EACH_SERVER
def test_an_unknown_outlet_and_a_wrong_secret_get_the_same_answer(stack: Stack) -> None:
    outlet, wrong = stack.supply_outlet(), valid_secret_of_another(stack)
    unknown = authenticate(stack, outlet, ProviderOutletID=str(uuid.uuid4()))
    refused = authenticate(stack, outlet, AuthSecret=wrong)
    assert assert_refused(unknown, 401) == assert_refused(refused, 401)
    varying = {"date"}
    assert {name: value for name, value in unknown.headers.items() if name not in varying} == {
        name: value for name, value in refused.headers.items() if name not in varying
    }


@ON_EACH_DATABASE
@pytest.mark.parametrize("secret", ["generated", "adopted"])
def test_an_unknown_outlet_and_a_wrong_secret_cost_the_same_work(stack: Stack, secret: str) -> None:
    wrong = "n0t-the-Secret!" if secret == "adopted" else valid_secret_of_another(stack)
    outlets = [stack.supply_outlet() for _ in range(12)]
    assert_same_work(stack, [(outlet, nobody(), wrong) for outlet in outlets])


@ON_EACH_DATABASE
def test_an_adopted_secret_is_refused_with_the_same_work_as_an_unknown_outlet(stack: Stack) -> None:
    adopted = f"sharedS3cr3t!-{secrets.token_hex(4)}"
    outlet = stack.enable_outlet(f"Timed {uuid.uuid4()}", "--adopt-secret-stdin", stdin=f"{adopted}\n")
    # Three guesses in each of three rounds stay below the limit of failures for one outlet.
    assert_same_work(stack, [(outlet, nobody(), f"Guess-{secrets.token_hex(4)}!") for _ in range(3)])


def nobody() -> Credentials:
    return Credentials(str(uuid.uuid4()), "TestOrg-nobody", "")


def assert_same_work(stack: Stack, guesses: list[tuple[Credentials, Credentials, str]]) -> None:
    """Fail unless refusing known and unknown outlets takes the server about the same processor time.

    Processor time is measured, because other processes affect it less than they affect elapsed time. The medians are
    compared, because the server's background work adds to a few calls. Similar times in one of three rounds are enough,
    because a busy machine can disturb most calls of a round. If one kind of refusal needed a further look-up or digest,
    all its calls would take longer, in every round.
    """
    ratios = []
    for _ in range(3):
        known = median(work_of_refusal(stack, outlet, guess) for outlet, _, guess in guesses)
        unknown = median(work_of_refusal(stack, stranger, guess) for _, stranger, guess in guesses)
        ratios.append(max(known, unknown) / min(known, unknown))
        if ratios[-1] < 1.4:
            return
    pytest.fail(f"one of the two costs more: {ratios}")


def work_of_refusal(stack: Stack, outlet: Credentials, guess: str) -> int:
    """Return the processor time (ns) that the server spent on one refusal."""
    before = processor_time(stack.pid)
    assert_refused(authenticate(stack, outlet, AuthSecret=guess), 401)
    return processor_time(stack.pid) - before


def processor_time(pid: int) -> int:
    """Return the processor time (ns) that all threads of a process have used, including ended threads."""
    return time.clock_gettime_ns(~pid << 3 | CPUCLOCK_SCHED)


def test_a_mistyped_secret_is_reported_for_known_and_unknown_outlets(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    typed = mistyped(outlet.auth_secret)
    known = assert_refused(authenticate(stack, outlet, AuthSecret=typed), 401)
    unknown = assert_refused(authenticate(stack, outlet, AuthSecret=typed, ProviderOutletID=str(uuid.uuid4())), 401)
    assert "mistyped" in known
    assert known == unknown


@ON_EACH_DATABASE
def test_an_adopted_secret_gets_a_token(stack: Stack) -> None:
    adopted = f"sharedS3cr3t!-{secrets.token_hex(4)}"
    outlet = stack.enable_outlet(f"Adopted {uuid.uuid4()}", "--adopt-secret-stdin", stdin=f"{adopted}\n")
    assert outlet.auth_secret == adopted
    assert_token(authenticate(stack, outlet))
    assert_refused(authenticate(stack, outlet, AuthSecret=adopted.upper()), 401)


@ON_EACH_DATABASE
def test_a_caller_with_the_secret_learns_that_the_pos_remote_id_does_not_match(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    message = assert_refused(authenticate(stack, outlet, POSRemoteID="TestOrg-other"), 401)
    assert "POSRemoteID" in message


@ON_EACH_DATABASE
def test_a_caller_with_the_secret_learns_that_the_integration_is_disabled(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    stack.disable(outlet)
    assert "disabled" in assert_refused(authenticate(stack, outlet), 403)


@ON_EACH_DATABASE
def test_a_caller_without_the_secret_learns_nothing_more(stack: Stack) -> None:
    outlet, disabled = stack.supply_outlet(), stack.supply_outlet()
    stack.disable(disabled)
    wrong = valid_secret_of_another(stack)
    plain = assert_refused(authenticate(stack, outlet, AuthSecret=wrong), 401)
    assert assert_refused(authenticate(stack, outlet, AuthSecret=wrong, POSRemoteID="other"), 401) == plain
    assert assert_refused(authenticate(stack, disabled, AuthSecret=wrong), 401) == plain


@ON_EACH_DATABASE
def test_a_secret_replaced_by_a_rotation_is_refused(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    new = stack.rotate_secret(outlet)
    assert_refused(authenticate(stack, outlet), 401)
    assert_token(authenticate(stack, new))


@ON_EACH_DATABASE
def test_the_old_secret_is_accepted_until_its_overlap_ends(stack: Stack) -> None:
    old = stack.supply_outlet()
    new = stack.rotate_secret(old, overlap="1h")
    assert_token(authenticate(stack, old))
    assert_token(authenticate(stack, new))
    stack.end_overlap(old)
    assert_refused(authenticate(stack, old), 401)


@ON_EACH_DATABASE
def test_staff_see_the_exact_reason_of_each_refusal(stack: Stack) -> None:
    outlet, wrong = stack.supply_outlet(), valid_secret_of_another(stack)
    authenticate(stack, outlet)
    authenticate(stack, outlet, AuthSecret=wrong)
    authenticate(stack, outlet, AuthSecret=mistyped(outlet.auth_secret))
    authenticate(stack, outlet, POSRemoteID="other")
    stack.disable(outlet)
    authenticate(stack, outlet)
    expected = ["accepted", "wrong_secret", "mistyped_secret", "wrong_pos_remote_id", "disabled"]
    eventually(lambda: len(records.auth_outcomes(stack, outlet.provider_outlet_id)) == len(expected))
    assert records.auth_outcomes(stack, outlet.provider_outlet_id) == expected


@ON_EACH_DATABASE
def test_staff_see_attempts_for_an_unknown_outlet(stack: Stack) -> None:
    unknown = f"unknown-{uuid.uuid4()}"
    authenticate(stack, stack.supply_outlet(), ProviderOutletID=unknown)
    assert eventually(lambda: records.auth_outcomes(stack, unknown)) == ["unknown_outlet"]


@ON_EACH_DATABASE
def test_the_last_use_of_a_secret_is_recorded_soon_after(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    assert records.last_used(stack, outlet) is None
    token_for(stack, outlet)
    eventually(lambda: records.last_used(stack, outlet), what="the last use is recorded")
