"""The outlet checklist: the text of each step that is not done."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.models import AuthAttempt, Connection, Credential, Integration, Organisation, Outlet, Request
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.models.connection import CloseReason, ServerProcess
from integrations.models.request import RequestState
from integrations.services.errors import Remedy
from integrations.services.integration.check_evidence import Evidence
from integrations.services.integration.check_steps import rival
from integrations.services.integration.outlet_check import Step, StepState, sentence_of, steps_of

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BEGINNING = NOON - timedelta(hours=1)
TITLES = (
    "Enabled",
    "First authentication attempt seen",
    "Secret correct",
    "POSRemoteID correct",
    "Access token used",
    "Connected",
    "Answered a test request",
)


def station(**changes: Any) -> Integration:
    outlet = Outlet(name="Station", organisation=Organisation(name="Bella"), provider_outlet_id="station-1")
    return Integration(outlet=outlet, pos_remote_id="Bella-Station", **{"changed_at": BEGINNING, **changes})


def evidence(**changes: Any) -> Evidence:
    """Return the evidence one hour after the outlet was enabled; it has no attempts unless `changes` adds some."""
    values: dict[str, Any] = {
        "at": NOON,
        "integration": station(),
        "current": Credential(shown="ONPS-ABCDE", bits=130),
        "since": BEGINNING,
        "action": "the outlet was enabled",
        "harmless": 1,
    }
    return Evidence(**(values | changes))


def attempt(outcome: Outcome, *, minutes: int = 10, **values: Any) -> AuthAttempt:
    defaults = {"endpoint": PosEndpoint.AUTH, "address": "198.51.100.7", "pos_remote_id": "Bella-Station"}
    return AuthAttempt(at=NOON - timedelta(minutes=minutes), outcome=outcome, **(defaults | values))


def connection(*, minutes: int = 5, **values: Any) -> Connection:
    process = ServerProcess(heartbeat_at=NOON)
    return Connection(opened_at=NOON - timedelta(minutes=minutes), process=process, address="198.51.100.7", **values)


def connected(**changes: Any) -> Evidence:
    found_evidence = {"attempt": attempt(Outcome.ACCEPTED), "connection": connection(), "is_online": True}
    return evidence(**(found_evidence | changes))


def request_in(state: RequestState, **values: Any) -> Request:
    received = NOON - timedelta(minutes=2)
    ended = None if state in (RequestState.QUEUED, RequestState.SENT) else received + timedelta(milliseconds=35)
    return Request(message_type=1, state=state, received_at=received, ended_at=ended, **values)


def open_step(found: Evidence) -> Step:
    """Return the first step that is not done; check that earlier steps are done and later ones are empty."""
    steps = steps_of(found)
    states = [step.state for step in steps]
    at = states.index(StepState.WRONG)
    assert states == [StepState.DONE] * at + [StepState.WRONG] + [StepState.LATER] * (len(TITLES) - at - 1)
    assert all(not step.words and not step.tell for step in steps[at + 1 :])
    assert steps[at].tell, "a red step must say what to tell the person on site"
    return steps[at]


def test_the_steps_follow_the_order_of_the_connection() -> None:
    assert tuple(step.title for step in steps_of(evidence())) == TITLES


def test_a_disabled_integration_shows_only_that_it_is_disabled() -> None:
    step = open_step(connected(integration=station(is_enabled=False, disabled_reason="The till is replaced")))
    assert step.title == "Enabled"
    assert "“The till is replaced”" in step.words
    assert "Enable it again" in step.here


def test_without_an_attempt_the_step_names_the_address_and_the_id() -> None:
    step = open_step(evidence())
    assert step.title == "First authentication attempt seen"
    assert "No attempt since the outlet was enabled, 1 hour ago." in step.words.replace("\xa0", " ")
    assert "http://127.0.0.1:8000/api/powerepos/v1/auth" in step.tell
    assert "station-1" in step.tell


def test_an_attempt_under_another_provider_outlet_id_is_found() -> None:
    step = open_step(evidence(under_another_id=attempt(Outcome.UNKNOWN_OUTLET, provider_outlet_id="statoin-1")))
    assert "“statoin-1”" in step.words
    assert "Correct the ProviderOutletID: it is station-1." in step.tell


def test_an_attempt_under_another_provider_outlet_id_is_found_after_older_attempts() -> None:
    other = attempt(Outcome.UNKNOWN_OUTLET, minutes=1, provider_outlet_id="statoin-1")
    ended = connection(closed_at=NOON - timedelta(minutes=4), close_reason=CloseReason.BY_POS)
    found = connected(connection=ended, is_online=False, under_another_id=other)
    assert "“statoin-1”" in open_step(found).words
    assert "sends another ProviderOutletID" in sentence_of(steps_of(found))


def test_an_older_attempt_under_another_id_does_not_hide_the_newest_refusal() -> None:
    other = attempt(Outcome.UNKNOWN_OUTLET, minutes=20, provider_outlet_id="statoin-1")
    assert open_step(evidence(attempt=attempt(Outcome.WRONG_SECRET), under_another_id=other)).title == "Secret correct"


def test_a_till_still_using_the_old_secret_does_not_pass_as_updated() -> None:
    older = Credential(shown="ONPS-OLDER", expires_at=NOON + timedelta(hours=1))
    step = open_step(evidence(action="the secret was rotated", older=older, is_online=True))
    assert "still connected with the old secret, which is valid until 1 March 2026" in step.words
    assert "begins with ONPS-ABCDE" in step.tell


@pytest.mark.parametrize(
    ("outcome", "tell"),
    [
        (Outcome.WRONG_SECRET, "Enter the AuthSecret again: it begins with ONPS-ABCDE"),
        (Outcome.RETIRED_SECRET, "The till has a secret that was replaced. Enter the new one"),
        (Outcome.MISTYPED_SECRET, "it has a wrong letter or digit"),
        (Outcome.UNKNOWN_KEY, "you will get a new secret"),
        (Outcome.THROTTLED, "Stop trying, and correct the AuthSecret first"),
    ],
)
def test_each_fault_of_the_secret_has_its_own_text(outcome: Outcome, tell: str) -> None:
    step = open_step(evidence(attempt=attempt(outcome)))
    assert step.title == "Secret correct"
    assert step.words.startswith(outcome.label)
    assert "from 198.51.100.7" in step.words
    assert tell in step.tell
    assert "{" not in step.tell


@pytest.mark.parametrize("cause", [Outcome.MISTYPED_SECRET, Outcome.RETIRED_SECRET])
def test_a_block_does_not_hide_the_cause(cause: Outcome) -> None:
    known = attempt(Outcome.THROTTLED, cause=cause)
    earlier = {"attempt": attempt(Outcome.THROTTLED, minutes=9), "before_block": attempt(cause)}
    for found in (evidence(attempt=known), evidence(**earlier)):
        step = open_step(found)
        assert step.title == "Secret correct"
        assert step.words.startswith(cause.label)
        assert "The till has to wait" in step.words
        assert step.remedies == (Remedy.END_WAIT, Remedy.ROTATE)


def test_a_block_is_over_after_a_change_of_the_outlet() -> None:
    blocked = attempt(Outcome.THROTTLED, cause=Outcome.WRONG_SECRET, minutes=5)
    step = open_step(evidence(attempt=blocked, integration=station(changed_at=NOON - timedelta(minutes=1))))
    assert "The wait is over." in step.words
    assert Remedy.END_WAIT not in step.remedies


def test_after_a_block_without_a_known_cause_the_advice_is_to_enter_the_secret_again() -> None:
    blocked = attempt(Outcome.THROTTLED, minutes=5)
    assert "Stop trying" in open_step(evidence(attempt=blocked)).tell
    step = open_step(evidence(attempt=blocked, integration=station(changed_at=NOON - timedelta(minutes=1))))
    assert step.tell == "Enter the AuthSecret again: it begins with ONPS-ABCDE. Let PowerEPOS connect again."
    assert step.remedies == (Remedy.ROTATE,)


def test_a_block_after_a_proved_secret_names_no_cause() -> None:
    found = evidence(attempt=attempt(Outcome.THROTTLED), before_block=attempt(Outcome.ACCEPTED, minutes=30))
    assert open_step(found).words.startswith(Outcome.THROTTLED.label)


@pytest.mark.parametrize("outcome", [Outcome.BUSY, Outcome.DATABASE_AWAY, Outcome.DRAINING])
def test_an_attempt_that_the_portal_could_not_decide_does_not_blame_the_till(outcome: Outcome) -> None:
    step = open_step(evidence(undecided=attempt(outcome)))
    assert step.title == "Secret correct"
    assert outcome.label in step.words
    assert "Nothing has to be done" in step.tell


def test_an_earlier_token_does_not_prove_the_secret() -> None:
    step = open_step(evidence(handshake=attempt(Outcome.TOKEN_VOID, endpoint=PosEndpoint.WEBSOCKET)))
    assert step.title == "Secret correct"
    assert "an earlier access token" in step.words


def test_a_wrong_pos_remote_id_shows_both_values_and_the_owner() -> None:
    detail = "The POSRemoteID that was sent is that of outlet Bella – Harbour."
    mispaired = attempt(Outcome.WRONG_POS_REMOTE_ID, pos_remote_id="Bella-Harbour", detail=detail)
    step = open_step(evidence(attempt=mispaired))
    assert step.title == "POSRemoteID correct"
    assert "“Bella-Harbour”; this outlet has “Bella-Station”" in step.words
    assert detail in step.words
    assert "it is Bella-Station." in step.tell
    assert "change it here instead" in step.here


def test_the_sent_pos_remote_id_is_offered_only_if_no_outlet_has_it() -> None:
    free = attempt(Outcome.WRONG_POS_REMOTE_ID, pos_remote_id="Bella-2")
    step = open_step(evidence(attempt=free))
    assert step.remedies == (Remedy.CHANGE_POS_REMOTE_ID,)
    assert "change it here instead" in step.here
    taken = attempt(Outcome.WRONG_POS_REMOTE_ID, pos_remote_id="Bella-2", pos_remote_id_of_id=7)
    step = open_step(evidence(attempt=taken))
    assert (step.remedies, step.here) == ((), "")


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ("Bella\u2011Station", "U+2011 NON-BREAKING HYPHEN"),
        ("Bella-\u200bStation", "“Bella-[U+200B ZERO WIDTH SPACE]Station”"),
        ("Bell\u0430-Station", "U+0430 CYRILLIC SMALL LETTER A"),
    ],
)
def test_ids_that_look_the_same_are_distinguished_by_character_names(sent: str, named: str) -> None:
    mispaired = attempt(Outcome.WRONG_POS_REMOTE_ID, pos_remote_id=sent, detail="")
    assert named in open_step(evidence(attempt=mispaired)).words


def test_an_unused_token_points_to_the_websocket_step() -> None:
    step = open_step(evidence(attempt=attempt(Outcome.ACCEPTED)))
    assert step.title == "Access token used"
    assert "ws://127.0.0.1:8000" in step.tell


@pytest.mark.parametrize(
    ("outcome", "tell"),
    [
        (Outcome.TOKEN_EXPIRED, "waited too long"),
        (Outcome.TOKEN_VOID, "The integration was changed in the portal"),
        (Outcome.DISABLED, "was disabled at that moment"),
        (Outcome.WRONG_PATH, "it has no path after the host name"),
        (Outcome.BUSY, "Let PowerEPOS connect again."),
    ],
)
def test_a_refused_websocket_says_why(outcome: Outcome, tell: str) -> None:
    handshake = attempt(outcome, minutes=9, endpoint=PosEndpoint.WEBSOCKET)
    step = open_step(evidence(attempt=attempt(Outcome.ACCEPTED), handshake=handshake))
    assert step.title == "Access token used"
    assert outcome.label in step.words
    assert tell in step.tell


def test_a_websocket_refused_before_the_last_token_says_nothing() -> None:
    handshake = attempt(Outcome.TOKEN_EXPIRED, minutes=30, endpoint=PosEndpoint.WEBSOCKET)
    assert (
        "has not opened the websocket"
        in open_step(evidence(attempt=attempt(Outcome.ACCEPTED), handshake=handshake)).words
    )


@pytest.mark.parametrize(
    ("reason", "tell"),
    [
        (CloseReason.BY_POS, "Is PowerEPOS running"),
        (CloseReason.LINK_LOST, "internet connection"),
        (CloseReason.REPLACED, "Another till has the same three values"),
        (CloseReason.CREDENTIAL_RETIRED, "Enter the current AuthSecret"),
        (CloseReason.FLOODING, "sends more than it should"),
        (CloseReason.TOO_LARGE, "larger messages"),
        (CloseReason.DISCONNECTED, "reconnects automatically"),
        (CloseReason.RESTART, "reconnects automatically"),
    ],
)
def test_an_ended_connection_shows_the_reason_and_the_remedy(reason: CloseReason, tell: str) -> None:
    ended = connection(closed_at=NOON - timedelta(minutes=1), close_reason=reason, close_code=1000)
    step = open_step(connected(connection=ended, is_online=False))
    assert step.title == "Connected"
    assert f"{reason.label} (1000)" in step.words
    assert tell in step.tell


def test_a_refusal_after_the_connection_ended_counts() -> None:
    ended = connection(closed_at=NOON - timedelta(minutes=3), close_reason=CloseReason.BY_POS)
    refused = attempt(Outcome.WRONG_SECRET, minutes=2)
    assert open_step(connected(attempt=refused, connection=ended, is_online=False)).title == "Secret correct"


def test_a_refusal_before_the_connection_is_resolved() -> None:
    assert open_step(connected(attempt=attempt(Outcome.WRONG_SECRET))).title == "Answered a test request"


def test_a_refused_second_till_is_reported() -> None:
    steps = steps_of(connected(attempt=attempt(Outcome.WRONG_SECRET, minutes=2)))
    assert "Another attempt was refused" in steps[5].words
    assert steps[5].state is StepState.DONE


def test_an_attempt_with_the_ids_of_two_outlets_is_reported_beside_a_connected_till() -> None:
    newest = attempt(Outcome.WRONG_SECRET, minutes=1, integration_id=3, pos_remote_id_of_id=7)
    assert "from 198.51.100.7: IDs of different outlets. Does" in rival(connected(attempt=newest))
    sent = attempt(Outcome.WRONG_SECRET, minutes=1, integration_id=7, pos_remote_id_of_id=3, provider_outlet_id="id")
    assert "from 198.51.100.7: IDs of different outlets (“id”). Does" in rival(connected(under_another_id=sent))


def test_an_attempt_under_another_id_is_reported_beside_a_connected_till() -> None:
    other = attempt(Outcome.UNKNOWN_OUTLET, minutes=2, provider_outlet_id="other")
    found = connected(attempt=attempt(Outcome.WRONG_SECRET, minutes=3), under_another_id=other)
    assert "Another attempt was refused" in rival(found)
    assert "Unknown ProviderOutletID (“other”)." in rival(found)
    assert rival(found) in steps_of(found)[5].words
    assert "Wrong secret" in rival(connected(attempt=attempt(Outcome.WRONG_SECRET, minutes=2)))
    assert rival(connected(attempt=attempt(Outcome.WRONG_SECRET), under_another_id=attempt(Outcome.DISABLED))) == ""


def test_two_tills_with_the_same_credentials_are_reported_while_one_is_connected() -> None:
    step = open_step(connected(second_till_at=NOON - timedelta(minutes=1)))
    assert step.title == "Connected"
    assert "Two tills use these credentials" in step.words
    assert "remove them from one of the two" in step.tell


def test_a_pos_without_a_test_request_waits_for_the_button() -> None:
    step = open_step(connected())
    assert step.title == "Answered a test request"
    assert "Press “Send a test request”" in step.here


def test_without_the_number_of_get_open_orders_the_step_says_where_to_enter_it() -> None:
    step = open_step(connected(harmless=None))
    assert "under Message types" in step.here
    assert step.tell == "Change nothing on the till."


@pytest.mark.parametrize("state", [RequestState.QUEUED, RequestState.SENT])
def test_a_pending_request_is_shown_as_waiting(state: RequestState) -> None:
    step = open_step(connected(request=request_in(state)))
    assert "no answer yet" in step.words
    assert "Wait" in step.here


@pytest.mark.parametrize("state", [RequestState.EXPIRED, RequestState.FAILED, RequestState.CANCELLED])
def test_an_unresponsive_pos_is_red(state: RequestState) -> None:
    step = open_step(connected(request=request_in(state)))
    assert "connected but did not answer" in step.words
    assert "Close the message and tell me" in step.tell


def test_an_unreadable_answer_is_red_with_the_reason() -> None:
    failure = "The POS's answer could not be read: it is not valid JSON."
    step = open_step(connected(request=request_in(RequestState.FAILED, failure=failure)))
    assert failure in step.words
    assert "PowerEPOS support" in step.tell
    assert step.is_test


def test_all_is_green_when_the_pos_answers() -> None:
    steps = steps_of(connected(request=request_in(RequestState.ANSWERED, result_code=0)))
    assert {step.state for step in steps} == {StepState.DONE}
    assert "answered after 35 ms" in steps[-1].words
    assert sentence_of(steps) == "All 7 steps are done: the outlet works."


def test_another_answered_request_proves_as_much_as_a_test_request() -> None:
    order = request_in(RequestState.ANSWERED)
    order.message_type = 12
    assert sentence_of(steps_of(connected(request=order))) == "All 7 steps are done: the outlet works."


def test_a_refusal_is_an_answer_too() -> None:
    refused = request_in(RequestState.REFUSED, result_code=4, error_message="No user matches the logon.")
    last = steps_of(connected(request=refused))[-1]
    assert last.state is StepState.DONE
    assert "ResultCode 4: “No user matches the logon.”" in last.words


def test_the_summary_names_the_step_that_is_not_done() -> None:
    steps = steps_of(evidence(attempt=attempt(Outcome.WRONG_SECRET)))
    assert sentence_of(steps) == "2 of 7 steps are done. The till's secret has not been accepted."


def test_two_tills_prove_the_earlier_steps_even_without_another_record() -> None:
    assert open_step(evidence(second_till_at=NOON)).title == "Connected"
