"""The checklist of an outlet, in words for whoever is on the telephone with the person on site. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from integrations.models import AuthAttempt
from integrations.models.attempt import Outcome
from integrations.models.connection import CloseReason
from integrations.models.request import RequestState
from integrations.services.handover.handover import auth_url, websocket_url
from integrations.services.integration.outlet_check import Evidence
from integrations.services.requests.asking import HARMLESS
from integrations.staff.base.presentation import distance, ending, exactly
from integrations.staff.requests.rows import said, took
from integrations.text.characters import differences, spelled, visible

BY_ITSELF = "Nothing has to be done: the POS comes back by itself within a minute."
CONNECT_AGAIN = "Let PowerEPOS connect again."
# The secret was proved: what was refused came after it.
PROVED = (Outcome.ACCEPTED, Outcome.WRONG_POS_REMOTE_ID, Outcome.DISABLED)


class StepState(StrEnum):
    """How a step stands. The value is also the CSS class of its shape."""

    DONE = "online"
    WRONG = "refused"
    LATER = "ended"

    @property
    def label(self) -> str:
        return {StepState.DONE: "Done", StepState.WRONG: "Not yet", StepState.LATER: "Later"}[self]


@dataclass(frozen=True)
class Step:
    """One line. `tell` is for the person on site, `here` for the one who reads this."""

    title: str
    state: StepState
    words: str = ""
    tell: str = ""
    here: str = ""


@dataclass(frozen=True)
class Finding:
    """What the rows say about a step; a step that is not done says what to tell."""

    is_done: bool
    words: str
    tell: str = ""
    here: str = ""


def steps_of(evidence: Evidence) -> list[Step]:
    """Return the steps in their order: done, then the one that it hangs on, then those that come later."""
    steps = []
    state = StepState.DONE
    for title, look in _LOOKS:
        finding = look(evidence) if state is StepState.DONE else None
        if finding is None:
            steps.append(Step(title, StepState.LATER))
            continue
        state = StepState.DONE if finding.is_done else StepState.WRONG
        steps.append(Step(title, state, finding.words, finding.tell, finding.here))
    return steps


def sentence_of(steps: list[Step]) -> str:
    """Say how far the outlet has come."""
    done = sum(step.state is StepState.DONE for step in steps)
    if done == len(steps):
        return f"All {done} steps are done: the outlet works."
    return f"{done} of {len(steps)} steps are done. It hangs on: {steps[done].title}."


def _enabled(evidence: Evidence) -> Finding:
    integration = evidence.integration
    if integration.is_enabled:
        twin = (
            f"{evidence.twin} Ask PowerEPOS which of the two is right, and change the other." if evidence.twin else ""
        )
        words = f"Counted since {evidence.act}, {distance(evidence.since, evidence.at)}. {twin}"
        return Finding(True, words.strip())
    return Finding(
        False,
        f"The integration is disabled: “{integration.disabled_reason}”",
        tell="Change nothing yet: the portal refuses this till until it is enabled again.",
        here="Enable it again; its POS then comes back with the secret that it has.",
    )


def _attempted(evidence: Evidence) -> Finding:
    seen = evidence.attempt or evidence.undecided or evidence.handshake
    if seen or evidence.connection:
        at = seen.at if seen else evidence.connection.opened_at  # type: ignore[union-attr]
        return Finding(True, f"The last one came {distance(at, evidence.at)}{_from(seen)}.")
    words = f"No attempt since {evidence.act}, {distance(evidence.since, evidence.at)}."
    if evidence.stranger:
        return _under_another_id(evidence, evidence.stranger, words)
    if evidence.is_online and evidence.older:
        return _with_older_secret(evidence, words)
    return Finding(
        False,
        words,
        tell=f"Check that the till is on the internet, and that its AuthURL is exactly {auth_url()} "
        f"and its ProviderOutletID {evidence.integration.outlet.provider_outlet_id}. {CONNECT_AGAIN}",
        here="An attempt with a mistyped ProviderOutletID belongs to no outlet: look at all attempts.",
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
        f"{words} It is connected still with the older secret, which works{until}.",
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
    """The POS came, and nothing was decided about its secret."""
    if evidence.undecided:
        words = f"The portal could not decide, {distance(evidence.undecided.at, evidence.at)}: "
        return Finding(False, f"{words}{evidence.undecided.get_outcome_display()}.", tell=BY_ITSELF)
    words = f"The POS came with an access token of before, and has not authenticated since {evidence.act}."
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
    """Name the characters that make two texts of one length different and that a reader may overlook."""
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
        tell=f"Check that the WebsocketURL is exactly {websocket_url()}, and that no firewall on site stops "
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
        tell=_ENDINGS.get(CloseReason(reason), BY_ITSELF),
    )


def _answered(evidence: Evidence) -> Finding:
    row = evidence.request
    if evidence.harmless is None:
        here = f"Enter the number of {HARMLESS} under Message types; without it nothing can be asked."
        words = f"The portal does not know the number of {HARMLESS}."
        return Finding(False, words, "Change nothing on the till.", here)
    if row is None:
        return Finding(False, f"It was not asked since {evidence.act}.", "Leave PowerEPOS running.", _PRESS)
    asked = f"Asked {distance(row.received_at, evidence.at)}"
    if row.state == RequestState.ANSWERED:
        return Finding(True, f"{asked}, it answered after {took(row)}.")
    if row.state == RequestState.REFUSED:
        why = f": “{said(row.error_message)}”" if row.error_message else ""
        return Finding(True, f"{asked}, the till answers. It refused with ResultCode {row.result_code}{why}.")
    if row.is_open:
        return Finding(False, f"{asked}; no answer yet.", "Leave PowerEPOS running.", "Wait: 20 seconds at most.")
    if row.failure:
        tell = "Change nothing on the till. Ask PowerEPOS' support about what it answers."
        return Finding(False, f"{asked}; {said(row.failure)}", tell, _PRESS)
    tell = "Is a message open on the till that waits for somebody, or is PowerEPOS busy? Close it and tell me."
    return Finding(False, f"{asked}; it is connected, and it did not answer.", tell, _PRESS)


def _refusal(evidence: Evidence) -> AuthAttempt | None:
    """Return the newest attempt if it was refused, and no connection says that it was put right since."""
    attempt, connection = evidence.attempt, evidence.connection
    if attempt is None or attempt.outcome == Outcome.ACCEPTED or (connection and evidence.is_online):
        return None
    return None if connection and connection.opened_at > attempt.at else attempt


def _rival(evidence: Evidence) -> str:
    """Say that beside a POS that is connected somebody is refused."""
    attempt, connection = evidence.attempt, evidence.connection
    if not attempt or not connection or attempt.outcome == Outcome.ACCEPTED or attempt.at < connection.opened_at:
        return ""
    outcome, at = attempt.get_outcome_display(), distance(attempt.at, evidence.at)
    return f" Beside it another is refused, {at}{_from(attempt)}: {outcome}. A second till with these values?"


def _or_older(evidence: Evidence) -> str:
    """Say that it may be the older secret that was proved, while there is one."""
    return "" if evidence.older is None or evidence.current.last_used_at else f" or the older {evidence.older.shown}"


def _from(attempt: AuthAttempt | None) -> str:
    return f" from {attempt.address}" if attempt and attempt.address else ""


_PRESS = "Press “Ask for the open orders” below."
_SECRETS: Mapping[Outcome, tuple[str, str]] = {
    Outcome.WRONG_PATH: (
        f"Correct the AuthURL: it is exactly {{auth_url}} {CONNECT_AGAIN}",
        "The portal answered nothing else, because the request did not reach the authentication.",
    ),
    Outcome.WRONG_SECRET: (
        f"Enter the AuthSecret again: it begins with {{shown}}. {CONNECT_AGAIN}",
        "If nobody has the secret any more, rotate it and hand the new one over.",
    ),
    Outcome.RETIRED_SECRET: (
        f"The till has a secret that was replaced. Enter the new one, which begins with {{shown}}. {CONNECT_AGAIN}",
        "If nobody has the new secret, rotate once more and hand it over.",
    ),
    Outcome.MISTYPED_SECRET: (
        f"Enter the AuthSecret again: a letter or digit of it is wrong. It begins with {{shown}}. {CONNECT_AGAIN}",
        "",
    ),
    Outcome.UNKNOWN_KEY: (
        "Change nothing on the till yet: you will get a new secret.",
        "The secret is kept under a server key that is gone: rotate it and hand the new one over.",
    ),
    Outcome.THROTTLED: (
        "Stop trying, and correct the AuthSecret first: it begins with {shown}. The wait is 15 minutes at most.",
        "Any act on this outlet in the portal ends the wait at once; rotating is one.",
    ),
}
_HANDSHAKES: Mapping[Outcome, str] = {
    Outcome.WRONG_PATH: f"Correct the WebsocketURL: it has no path behind the host. {CONNECT_AGAIN}",
    Outcome.TOKEN_EXPIRED: f"{CONNECT_AGAIN} The till waited too long with the token that it had.",
    Outcome.TOKEN_VOID: f"{CONNECT_AGAIN} Something was changed here while the till was connecting.",
    Outcome.DISABLED: f"{CONNECT_AGAIN} The outlet was disabled at that moment.",
}
_ENDINGS: Mapping[CloseReason, str] = {
    CloseReason.BY_POS: f"Is PowerEPOS running, and is Order N Pay switched on in it? {CONNECT_AGAIN}",
    CloseReason.LINK_LOST: "Check the till's internet connection: its cable, its Wi-Fi, the router.",
    CloseReason.REPLACED: "Another till has the same three values: take them out of one of the two.",
    CloseReason.CREDENTIAL_RETIRED: f"Enter the AuthSecret that you have now. {CONNECT_AGAIN}",
    CloseReason.FLOODING: "Ask PowerEPOS' support: the till sends more than it should.",
    CloseReason.TOO_LARGE: "Ask PowerEPOS' support: the till sends larger messages than it should.",
    CloseReason.PROTOCOL_ERROR: "Ask PowerEPOS' support: the till sends what is no websocket frame.",
    CloseReason.INVALID_TEXT: "Ask PowerEPOS' support: the till sends text that is not valid UTF-8.",
}
_LOOKS = (
    ("Enabled", _enabled),
    ("First authentication attempt seen", _attempted),
    ("Secret right", _secret),
    ("POSRemoteID right", _paired),
    ("Access token used", _token_used),
    ("Connected", _connected),
    ("Answered a harmless request", _answered),
)
