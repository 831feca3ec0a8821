"""Text of an outlet's checklist, for staff on the phone with the person on site. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from integrations.models import AuthAttempt
from integrations.models.attempt import Outcome
from integrations.models.connection import CloseReason
from integrations.models.request import RequestState
from integrations.services.connections.endings import ending
from integrations.services.handover.handover import auth_url, websocket_url
from integrations.services.integration.outlet_check import Evidence
from integrations.services.requests.asking import HARMLESS
from integrations.services.requests.summaries import said, took
from integrations.text.characters import differences, spelled, visible
from integrations.text.moments import distance, exactly

RECONNECTS = "Nothing has to be done: the POS reconnects automatically within a minute."
CONNECT_AGAIN = "Let PowerEPOS connect again."
# Outcomes after the POS has proved the secret: any refusal came later.
PROVED = (Outcome.ACCEPTED, Outcome.WRONG_POS_REMOTE_ID, Outcome.DISABLED)


class StepState(StrEnum):
    """The state of a step. The value is also the CSS class of its shape."""

    DONE = "online"
    WRONG = "refused"
    LATER = "ended"

    @property
    def label(self) -> str:
        return {StepState.DONE: "Done", StepState.WRONG: "Not yet", StepState.LATER: "Later"}[self]


@dataclass(frozen=True)
class Step:
    """One line of the checklist. `tell` is for the person on site, `here` for the reader of the page."""

    title: str
    state: StepState
    words: str = ""
    tell: str = ""
    here: str = ""


@dataclass(frozen=True)
class Finding:
    """The evidence for a step; if the step is not done, also what to tell the person on site."""

    is_done: bool
    words: str
    tell: str = ""
    here: str = ""


def steps_of(evidence: Evidence) -> list[Step]:
    """Return the steps in order: those done, the first one not done, then the later ones."""
    steps = []
    state = StepState.DONE
    for title, _, find in _STEPS:
        finding = find(evidence) if state is StepState.DONE else None
        if finding is None:
            steps.append(Step(title, StepState.LATER))
            continue
        state = StepState.DONE if finding.is_done else StepState.WRONG
        steps.append(Step(title, state, finding.words, finding.tell, finding.here))
    return steps


def sentence_of(steps: list[Step]) -> str:
    """Return a sentence with the number of steps done and the reason why the next one is not."""
    done = sum(step.state is StepState.DONE for step in steps)
    if done == len(steps):
        return f"All {done} steps are done: the outlet works."
    return f"{done} of {len(steps)} steps are done. {_STEPS[done][1]}"


def _enabled(evidence: Evidence) -> Finding:
    integration = evidence.integration
    if integration.is_enabled:
        twin = (
            f"{evidence.twin} Ask PowerEPOS which of the two is correct, and change the other." if evidence.twin else ""
        )
        words = f"This check covers the time since {evidence.act}, {distance(evidence.since, evidence.at)}. {twin}"
        return Finding(True, words.strip())
    return Finding(
        False,
        f"The integration is disabled: “{integration.disabled_reason}”",
        tell="Change nothing yet: the portal refuses this till until it is enabled again.",
        here="Enable it again. Its POS can then connect with its current secret.",
    )


def _attempted(evidence: Evidence) -> Finding:
    seen = evidence.attempt or evidence.undecided or evidence.handshake
    if seen or evidence.connection:
        at = seen.at if seen else evidence.connection.opened_at  # type: ignore[union-attr]
        return Finding(True, f"The last attempt was {distance(at, evidence.at)}{_from(seen)}.")
    words = f"No attempt since {evidence.act}, {distance(evidence.since, evidence.at)}."
    if evidence.stranger:
        return _under_another_id(evidence, evidence.stranger, words)
    if evidence.is_online and evidence.older:
        return _with_older_secret(evidence, words)
    return Finding(
        False,
        words,
        tell=f"Check that the till is connected to the internet, that its AuthURL is exactly {auth_url()} "
        f"and its ProviderOutletID {evidence.integration.outlet.provider_outlet_id}. {CONNECT_AGAIN}",
        here="An attempt with a mistyped ProviderOutletID belongs to no outlet: check the list of all attempts.",
    )


def _under_another_id(evidence: Evidence, stranger: AuthAttempt, words: str) -> Finding:
    own = evidence.integration.outlet.provider_outlet_id
    sent = stranger.provider_outlet_id
    return Finding(
        False,
        f"{words} But a POS sent this outlet's POSRemoteID {distance(stranger.at, evidence.at)} with the "
        f"ProviderOutletID “{spelled(sent)}”, which is not this outlet's.{_unlike(sent, own)}",
        tell=f"Correct the ProviderOutletID: it is {spelled(own)}. {CONNECT_AGAIN}",
    )


def _with_older_secret(evidence: Evidence, words: str) -> Finding:
    older = evidence.older
    until = f" until {exactly(older.expires_at)}" if older and older.expires_at else ""
    return Finding(
        False,
        f"{words} The POS is still connected with the older secret, which is valid{until}.",
        tell=f"Enter the new AuthSecret, which begins with {evidence.current.shown}. {CONNECT_AGAIN}",
    )


def _secret(evidence: Evidence) -> Finding:
    refusal = _refusal(evidence)
    if refusal is None and not evidence.attempt and not evidence.connection:
        return _nothing_decided(evidence)
    if refusal is None or Outcome(refusal.outcome) in PROVED:
        return Finding(True, f"The POS proved that it has {evidence.current.shown}{_or_older(evidence)}.")
    tell, here = _SECRETS.get(Outcome(refusal.outcome), (CONNECT_AGAIN, ""))
    words = f"{refusal.get_outcome_display()}, {distance(refusal.at, evidence.at)}{_from(refusal)}."
    return Finding(False, words, tell.format(shown=evidence.current.shown, auth_url=auth_url()), here)


def _nothing_decided(evidence: Evidence) -> Finding:
    """Return the finding for a POS whose secret was neither accepted nor refused."""
    if evidence.undecided:
        words = f"The portal could not check the secret, {distance(evidence.undecided.at, evidence.at)}: "
        return Finding(False, f"{words}{evidence.undecided.get_outcome_display()}.", tell=RECONNECTS)
    words = f"The POS used an earlier access token, and has not authenticated since {evidence.act}."
    return Finding(False, words, tell=CONNECT_AGAIN)


def _paired(evidence: Evidence) -> Finding:
    refusal, own = _refusal(evidence), evidence.integration.pos_remote_id
    if refusal is None or refusal.outcome != Outcome.WRONG_POS_REMOTE_ID:
        return Finding(True, f"It is {spelled(own)}.")
    sent = refusal.pos_remote_id
    return Finding(
        False,
        f"The POS sent the POSRemoteID “{spelled(sent)}”; this outlet has “{spelled(own)}”.{_unlike(sent, own)} "
        f"{refusal.detail}",
        tell=f"Correct the POSRemoteID in PowerEPOS: it is {spelled(own)}. {CONNECT_AGAIN}",
        here=f"If “{spelled(sent)}” is what PowerEPOS gave for this outlet, change it here instead.",
    )


def _unlike(sent: str, own: str) -> str:
    """Return a sentence about easily overlooked characters in only one of two texts of equal length, or ""."""
    look_alike = len(visible(sent)) == len(visible(own))
    overlooked = ", ".join(differences(sent, own)[:5]) if look_alike else ""
    return f" Only one of the two contains {overlooked}." if overlooked else ""


def _token_used(evidence: Evidence) -> Finding:
    if evidence.connection:
        return Finding(True, f"The websocket was opened {distance(evidence.connection.opened_at, evidence.at)}.")
    handshake, attempt = evidence.handshake, evidence.attempt
    if handshake and (attempt is None or handshake.at >= attempt.at):
        words = f"The websocket was refused {distance(handshake.at, evidence.at)}: {handshake.get_outcome_display()}."
        return Finding(False, words, tell=_HANDSHAKES.get(Outcome(handshake.outcome), CONNECT_AGAIN))
    since = f" {distance(attempt.at, evidence.at)}" if attempt else ""
    return Finding(
        False,
        f"The POS got a token{since} and has not opened the websocket with it.",
        tell=f"Check that the WebsocketURL is exactly {websocket_url()}, and that no firewall on site blocks "
        f"websockets. {CONNECT_AGAIN}",
    )


def _connected(evidence: Evidence) -> Finding:
    connection = evidence.connection
    if evidence.second_till_at:
        ago = distance(evidence.second_till_at, evidence.at)
        return Finding(
            False,
            f"Two tills use these credentials: one replaced the other {ago}.",
            tell=_ENDINGS[CloseReason.REPLACED],
            here="If you do not know the other till, rotate the secret.",
        )
    if connection is None or evidence.is_online:
        opened = f" {distance(connection.opened_at, evidence.at)}" if connection else ""
        address = f" from {connection.address}" if connection and connection.address else ""
        return Finding(True, f"The POS connected{opened}{address}.{_rival(evidence)}")
    code = "" if connection.close_code is None else f" ({connection.close_code})"
    ended = distance(connection.closed_at or connection.process.heartbeat_at, evidence.at)
    reason = connection.close_reason or CloseReason.SERVER_LOST
    return Finding(
        False,
        f"The connection ended {ended}: {ending(connection, evidence.at)}{code}.",
        tell=_ENDINGS.get(CloseReason(reason), RECONNECTS),
    )


def _answered(evidence: Evidence) -> Finding:
    row = evidence.request
    if evidence.harmless is None:
        here = f"Enter the number of {HARMLESS} under Message types. Without it, no test request can be sent."
        words = f"The portal does not know the number of {HARMLESS}."
        return Finding(False, words, "Change nothing on the till.", here)
    if row is None:
        words = f"No test request was sent since {evidence.act}."
        return Finding(False, words, "Leave PowerEPOS running.", _PRESS)
    sent = f"Test request sent {distance(row.received_at, evidence.at)}"
    if row.state == RequestState.ANSWERED:
        return Finding(True, f"{sent}, answered after {took(row)}.")
    if row.state == RequestState.REFUSED:
        why = f": “{said(row.error_message)}”" if row.error_message else ""
        return Finding(True, f"{sent}. The till answers. It refused with ResultCode {row.result_code}{why}.")
    if row.is_open:
        return Finding(False, f"{sent}; no answer yet.", "Leave PowerEPOS running.", "Wait up to 20 seconds.")
    if row.failure:
        tell = "Change nothing on the till. Ask PowerEPOS support about its answer."
        return Finding(False, f"{sent}; {said(row.failure)}", tell, _PRESS)
    tell = "Does the till show a message that waits for an input, or is PowerEPOS busy? Close the message and tell me."
    return Finding(False, f"{sent}. The till is connected but did not answer.", tell, _PRESS)


def _refusal(evidence: Evidence) -> AuthAttempt | None:
    """Return the newest attempt if it was refused and no later connection shows that the cause is corrected."""
    attempt, connection = evidence.attempt, evidence.connection
    if attempt is None or attempt.outcome == Outcome.ACCEPTED or (connection and evidence.is_online):
        return None
    return None if connection and connection.opened_at > attempt.at else attempt


def _rival(evidence: Evidence) -> str:
    """Return a warning about refused attempts while the POS is connected, or ""."""
    attempt, connection = evidence.attempt, evidence.connection
    if not attempt or not connection or attempt.outcome == Outcome.ACCEPTED or attempt.at < connection.opened_at:
        return ""
    outcome, at = attempt.get_outcome_display(), distance(attempt.at, evidence.at)
    return f" Another attempt was refused, {at}{_from(attempt)}: {outcome}. Does a second till use these values?"


def _or_older(evidence: Evidence) -> str:
    """Return a note that the POS may have used the older secret, or "" if there is none."""
    return "" if evidence.older is None or evidence.current.last_used_at else f" or the older {evidence.older.shown}"


def _from(attempt: AuthAttempt | None) -> str:
    return f" from {attempt.address}" if attempt and attempt.address else ""


_PRESS = "Press “Send a test request” below."
_SECRETS: Mapping[Outcome, tuple[str, str]] = {
    Outcome.WRONG_PATH: (
        f"Correct the AuthURL: it is exactly {{auth_url}} {CONNECT_AGAIN}",
        "The portal checked nothing else: the request did not reach the authentication endpoint.",
    ),
    Outcome.WRONG_SECRET: (
        f"Enter the AuthSecret again: it begins with {{shown}}. {CONNECT_AGAIN}",
        "If the secret is lost, rotate it and hand over the new one.",
    ),
    Outcome.RETIRED_SECRET: (
        f"The till has a secret that was replaced. Enter the new one, which begins with {{shown}}. {CONNECT_AGAIN}",
        "If the new secret is lost, rotate again and hand over the newest one.",
    ),
    Outcome.MISTYPED_SECRET: (
        f"Enter the AuthSecret again: it has a wrong letter or digit. It begins with {{shown}}. {CONNECT_AGAIN}",
        "",
    ),
    Outcome.UNKNOWN_KEY: (
        "Change nothing on the till yet: you will get a new secret.",
        "The secret was stored with a server key that is no longer configured: rotate it and hand over the new one.",
    ),
    Outcome.THROTTLED: (
        "Stop trying, and correct the AuthSecret first: it begins with {shown}. The wait is 15 minutes at most.",
        "Any change to this outlet's integration in the portal, such as a rotation, ends the wait at once.",
    ),
}
_HANDSHAKES: Mapping[Outcome, str] = {
    Outcome.WRONG_PATH: f"Correct the WebsocketURL: it has no path after the host name. {CONNECT_AGAIN}",
    Outcome.TOKEN_EXPIRED: f"{CONNECT_AGAIN} The till waited too long before it used its token.",
    Outcome.TOKEN_VOID: f"{CONNECT_AGAIN} The integration was changed in the portal while the till was connecting.",
    Outcome.DISABLED: f"{CONNECT_AGAIN} The outlet was disabled at that moment.",
}
_ENDINGS: Mapping[CloseReason, str] = {
    CloseReason.BY_POS: f"Is PowerEPOS running, and is Order N Pay switched on in it? {CONNECT_AGAIN}",
    CloseReason.LINK_LOST: "Check the till's internet connection: its cable, its Wi-Fi, the router.",
    CloseReason.REPLACED: "Another till has the same three values: remove them from one of the two.",
    CloseReason.CREDENTIAL_RETIRED: f"Enter the current AuthSecret. {CONNECT_AGAIN}",
    CloseReason.FLOODING: "Ask PowerEPOS support: the till sends more than it should.",
    CloseReason.TOO_LARGE: "Ask PowerEPOS support: the till sends larger messages than it should.",
    CloseReason.PROTOCOL_ERROR: "Ask PowerEPOS support: the till sends invalid websocket frames.",
    CloseReason.INVALID_TEXT: "Ask PowerEPOS support: the till sends text that is not valid UTF-8.",
}
# For each step: its title, the sentence shown while it is the next step, and the function that finds its evidence.
_STEPS = (
    ("Enabled", "The integration is disabled.", _enabled),
    ("First authentication attempt seen", "Waiting for the till's first attempt.", _attempted),
    ("Secret correct", "The till's secret has not been accepted.", _secret),
    ("POSRemoteID correct", "The POSRemoteID does not match.", _paired),
    ("Access token used", "Authenticated. Waiting for the till to open its websocket.", _token_used),
    ("Connected", "The till does not stay connected.", _connected),
    ("Answered a test request", "Connected. Last step: send a test request.", _answered),
)
