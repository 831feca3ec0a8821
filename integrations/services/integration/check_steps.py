"""What the evidence says about each step of an outlet's check, and what to do about it. These functions do no I/O."""

from dataclasses import dataclass, replace
from datetime import datetime

from integrations.models import AuthAttempt, Credential, Integration
from integrations.models.attempt import Outcome
from integrations.models.connection import CloseReason
from integrations.models.request import RequestState
from integrations.services.connections.ending_texts import ending
from integrations.services.errors import Remedy
from integrations.services.handover.handover import auth_url, websocket_url
from integrations.services.integration import waits
from integrations.services.integration.advice import (
    CONNECT_AGAIN,
    NOTES_ON_OVERLAP,
    RECONNECTS,
    Advice,
    advice_on,
    advice_on_ending,
    advice_on_handshake,
    remedy_of_lost_secret,
)
from integrations.services.integration.check_evidence import Evidence
from integrations.services.requests.asking import HARMLESS, UNRESPONSIVE_SECONDS
from integrations.services.requests.summaries import duration, pos_text
from integrations.text.characters import differences, show_hidden, visible
from integrations.text.moments import distance, exactly

# Outcomes that show that the secret was right: the POS was accepted, or refused for another reason.
PROVED = (Outcome.ACCEPTED, Outcome.WRONG_POS_REMOTE_ID, Outcome.DISABLED)
OF_SECRET = (Outcome.WRONG_SECRET, Outcome.MISTYPED_SECRET, Outcome.RETIRED_SECRET)


@dataclass(frozen=True)
class StepFinding:
    """The evidence for a step in words; if the step is not done, also what to do about it.

    `tell` is for the person on site, `here` for the reader of the page, who can carry out the `remedies`, or send a
    test request if `is_test` is set. `attempt` is the primary key of the refused attempt that the step is about.
    `headline` replaces the sentence that is shown while the step is the next one.
    """

    is_done: bool
    words: str
    tell: str = ""
    here: str = ""
    remedies: tuple[Remedy, ...] = ()
    attempt: int | None = None
    is_test: bool = False
    headline: str = ""

    @classmethod
    def advising(cls, words: str, advice: Advice, attempt: int | None = None, headline: str = "") -> "StepFinding":
        return cls(False, words, advice.tell, advice.here, advice.remedies, attempt, headline=headline)

    def adapted(self, current: Credential, older: Credential | None) -> "StepFinding":
        """Return the finding. If an overlap prevents a rotation, the finding offers the remedy that works instead."""
        remedy = remedy_of_lost_secret(current, older)
        if remedy is Remedy.ROTATE or Remedy.ROTATE not in self.remedies:
            return self
        remedies = tuple(remedy if each is Remedy.ROTATE else each for each in self.remedies)
        return replace(self, here=f"{self.here} {NOTES_ON_OVERLAP[remedy]}", remedies=remedies)


def enabled(evidence: Evidence) -> StepFinding:
    integration = evidence.integration
    if integration.is_enabled:
        twin = (
            f"{evidence.twin} Ask PowerEPOS which of the two is correct, and change the other." if evidence.twin else ""
        )
        words = f"This check covers the time since {evidence.action}, {distance(evidence.since, evidence.at)}. {twin}"
        return StepFinding(True, words.strip())
    words = f"Reason: “{integration.disabled_reason}”"
    return StepFinding.advising(words, advice_on(Outcome.DISABLED, shown=evidence.current.shown))


def attempted(evidence: Evidence) -> StepFinding:
    seen, attempt = _seen_at(evidence), evidence.under_another_id
    if attempt and not evidence.is_online and (seen is None or attempt.at > seen):
        return _under_another_id(evidence, attempt)
    if seen:
        return StepFinding(True, f"The last attempt was {distance(seen, evidence.at)}{_from(_newest_own(evidence))}.")
    words = _none_since(evidence)
    if evidence.is_online and evidence.older:
        return _with_older_secret(evidence, words)
    return StepFinding(
        False,
        words,
        tell=f"Check that the till is connected to the internet, that its AuthURL is exactly {auth_url()} "
        f"and its ProviderOutletID {evidence.integration.outlet.provider_outlet_id}. {CONNECT_AGAIN}",
        here="An attempt with a mistyped ProviderOutletID belongs to no outlet: check the list of all attempts.",
    )


def _seen_at(evidence: Evidence) -> datetime | None:
    """Return when the POS last used the outlet's own ID, in an attempt or to connect; None if it never did."""
    newest, connection = _newest_own(evidence), evidence.connection
    times = (newest and newest.at, connection and connection.opened_at, evidence.second_till_at)
    return max((each for each in times if each), default=None)


def _newest_own(evidence: Evidence) -> AuthAttempt | None:
    """Return the newest attempt under the outlet's own ID."""
    own = (evidence.attempt, evidence.undecided, evidence.handshake)
    return max((each for each in own if each), key=lambda each: each.at, default=None)


def _none_since(evidence: Evidence) -> str:
    return f"No attempt since {evidence.action}, {distance(evidence.since, evidence.at)}."


def _under_another_id(evidence: Evidence, attempt: AuthAttempt) -> StepFinding:
    own = evidence.integration.outlet.provider_outlet_id
    sent, seen = attempt.provider_outlet_id, _seen_at(evidence)
    before = f"The last attempt with the right ID was {distance(seen, evidence.at)}." if seen else _none_since(evidence)
    words = f"{before} But a POS sent this outlet's POSRemoteID {distance(attempt.at, evidence.at)}{_from(attempt)}"
    differs = f"the ProviderOutletID “{show_hidden(sent)}”, which is not this outlet's.{note_on_differences(sent, own)}"
    words = f"{words} with {differs}" if sent else f"{words} without a ProviderOutletID."
    advice = advice_on_id(attempt, evidence.integration)
    headline = f"The till sends {'another' if sent else 'no'} ProviderOutletID."
    return StepFinding.advising(words, advice, attempt.pk, headline)


def advice_on_id(attempt: AuthAttempt, meant: Integration) -> Advice:
    """Return the advice on an attempt with the POSRemoteID of `meant`, but another ProviderOutletID or none."""
    verb, own = "Correct" if attempt.provider_outlet_id else "Enter", meant.outlet.provider_outlet_id
    correct = f"{verb} the ProviderOutletID: it is {show_hidden(own)}."
    is_misdirected = attempt.outcome == Outcome.WRONG_PATH
    return Advice(f"{correct} {advice_on(Outcome.WRONG_PATH, shown='').tell if is_misdirected else CONNECT_AGAIN}")


def _with_older_secret(evidence: Evidence, words: str) -> StepFinding:
    older = evidence.older
    until = f" until {exactly(older.expires_at)}" if older and older.expires_at else ""
    return StepFinding(
        False,
        f"{words} The POS is still connected with the old secret, which is valid{until}.",
        tell=f"Enter the new AuthSecret, which begins with {evidence.current.shown}. {CONNECT_AGAIN}",
    )


def secret(evidence: Evidence) -> StepFinding:
    refusal = _refusal(evidence)
    if refusal is None and not evidence.attempt and not evidence.connection and not evidence.second_till_at:
        return _nothing_decided(evidence)
    if refusal is None or Outcome(refusal.outcome) in PROVED:
        return StepFinding(True, f"The POS proved that it has {evidence.current.shown}{_or_older(evidence)}.")
    cause = cause_of(refusal, _before_block(evidence))
    words = f"{cause.label}, {distance(refusal.at, evidence.at)}{_from(refusal)}. {refusal.detail}".strip()
    advice = advice_on_values(refusal, evidence.integration, cause, evidence.at, shown=evidence.current.shown)
    headline = "The IDs that the till sends belong to different outlets." if is_of_two_outlets(refusal, cause) else ""
    found = StepFinding.advising(words, advice, refusal.pk, headline)
    return _blocked(evidence, refusal, found) if refusal.outcome == Outcome.THROTTLED else found


def is_of_two_outlets(refusal: AuthAttempt, cause: Outcome) -> bool:
    """Return whether the IDs belong to different outlets and no secret was proved, so that either ID may be wrong."""
    return None not in (refusal.integration_id, refusal.pos_remote_id_of_id) and cause in OF_SECRET


def advice_on_values(refusal: AuthAttempt, own: Integration, cause: Outcome, now: datetime, *, shown: str) -> Advice:
    """Return the advice on a refused authentication at an outlet; `own` is its integration.

    If the POSRemoteID belongs to another outlet, the secret may belong to it too; then a rotation would not help. If a
    block without a known cause is over, the advice is the one for a wrong secret, because no wait is left.
    """
    if cause == Outcome.THROTTLED and waits.is_over(refusal, own, now):
        cause = Outcome.WRONG_SECRET
    owner = refusal.pos_remote_id_of if is_of_two_outlets(refusal, cause) else None
    if owner is None:
        return advice_on(cause, shown=shown)
    tell = (
        f"Is this the till of {own.outlet}? If so, correct the POSRemoteID: it is {show_hidden(own.pos_remote_id)}. "
        f"Enter the AuthSecret again: it begins with {shown}. If not, correct the ProviderOutletID: that of "
        f"{owner.outlet} is {show_hidden(owner.outlet.provider_outlet_id)}. {CONNECT_AGAIN}"
    )
    return Advice(tell, "The ProviderOutletID and the POSRemoteID that were sent belong to different outlets.")


def cause_of(refusal: AuthAttempt, before: str | None) -> Outcome:
    """Return why an attempt was refused.

    For a blocked attempt, this is its `cause`. Without a `cause`, it is `before`, the outcome of the last attempt
    before the block, or THROTTLED if there is no such attempt or if that attempt proved the secret.
    """
    is_unexplained = refusal.outcome == Outcome.THROTTLED and not refusal.cause
    if is_unexplained and before and before not in PROVED:
        return Outcome(before)
    return Outcome(refusal.cause or refusal.outcome)


def _before_block(evidence: Evidence) -> str | None:
    return evidence.before_block.outcome if evidence.before_block else None


def _blocked(evidence: Evidence, refusal: AuthAttempt, finding: StepFinding) -> StepFinding:
    """Return the finding with a note on the block, and the button that ends it."""
    is_over = waits.is_over(refusal, evidence.integration, evidence.at)
    note = f"The till has to wait for up to {waits.LONGEST_MINUTES} minutes, because too many failed."
    others = tuple(each for each in finding.remedies if each != Remedy.END_WAIT)
    remedies = others if is_over else (Remedy.END_WAIT, *others)
    return replace(finding, words=f"{finding.words} {'The wait is over.' if is_over else note}", remedies=remedies)


def _nothing_decided(evidence: Evidence) -> StepFinding:
    """Return the finding for a POS whose secret was neither accepted nor refused."""
    if evidence.undecided:
        words = f"The portal could not check the secret, {distance(evidence.undecided.at, evidence.at)}: "
        return StepFinding(False, f"{words}{evidence.undecided.get_outcome_display()}.", tell=RECONNECTS)
    words = f"The POS used an earlier access token, and has not authenticated since {evidence.action}."
    return StepFinding(False, words, tell=CONNECT_AGAIN)


def paired(evidence: Evidence) -> StepFinding:
    refusal, own = _refusal(evidence), evidence.integration.pos_remote_id
    if refusal is None or refusal.outcome != Outcome.WRONG_POS_REMOTE_ID:
        return StepFinding(True, f"It is {show_hidden(own)}.")
    return mispaired(refusal, own)


def mispaired(refusal: AuthAttempt, own: str) -> StepFinding:
    """Return the finding for an attempt with a POSRemoteID that is not the outlet's own."""
    sent = refusal.pos_remote_id
    is_free = bool(sent) and refusal.pos_remote_id_of_id is None
    return StepFinding(
        False,
        f"The POS sent the POSRemoteID “{show_hidden(sent)}”; this outlet has “{show_hidden(own)}”."
        f"{note_on_differences(sent, own)} {refusal.detail}",
        tell=f"Correct the POSRemoteID in PowerEPOS: it is {show_hidden(own)}. {CONNECT_AGAIN}",
        here=f"If “{show_hidden(sent)}” is what PowerEPOS gave for this outlet, change it here instead."
        if is_free
        else "",
        remedies=(Remedy.CHANGE_POS_REMOTE_ID,) if is_free else (),
        attempt=refusal.pk,
    )


def note_on_differences(sent: str, own: str) -> str:
    """Return a sentence about characters that make two texts differ although they look alike, or ""."""
    look_alike = len(visible(sent)) == len(visible(own))
    overlooked = ", ".join(differences(sent, own)[:5]) if look_alike else ""
    return f" Only one of the two contains {overlooked}." if overlooked else ""


def token_used(evidence: Evidence) -> StepFinding:
    handshake, attempt = evidence.handshake, evidence.attempt
    opened = evidence.connection.opened_at if evidence.connection else evidence.second_till_at
    later = [each for each in (handshake, attempt) if each and opened and each.at > opened]
    if opened and (evidence.is_online or evidence.second_till_at or not later):
        return StepFinding(True, f"The websocket was opened {distance(opened, evidence.at)}.")
    if handshake and (attempt is None or handshake.at >= attempt.at):
        words = f"The websocket was refused {distance(handshake.at, evidence.at)}: {handshake.get_outcome_display()}."
        return StepFinding.advising(words, advice_on_handshake(Outcome(handshake.outcome)), handshake.pk)
    since = f" {distance(attempt.at, evidence.at)}" if attempt else ""
    return StepFinding(
        False,
        f"The POS got a token{since} and has not opened the websocket with it.",
        tell=f"Check that the WebsocketURL is exactly {websocket_url()}, and that no firewall on site blocks "
        f"websockets. {CONNECT_AGAIN}",
    )


def connected(evidence: Evidence) -> StepFinding:
    connection = evidence.connection
    if evidence.second_till_at:
        ago = distance(evidence.second_till_at, evidence.at)
        words = f"Two tills use these credentials: one replaced the other {ago}."
        headline = "Two tills use the same credentials."
        return StepFinding.advising(words, advice_on_handshake(Outcome.SECOND_TILL), headline=headline)
    if connection is None or evidence.is_online:
        opened = f" {distance(connection.opened_at, evidence.at)}" if connection else ""
        address = f" from {connection.address}" if connection and connection.address else ""
        return StepFinding(True, f"The POS connected{opened}{address}. {rival(evidence)}".rstrip())
    code = "" if connection.close_code is None else f" ({connection.close_code})"
    ended = distance(connection.closed_at or connection.process.heartbeat_at, evidence.at)
    reason = connection.close_reason or CloseReason.SERVER_LOST
    words = f"The connection ended {ended}: {ending(connection, evidence.at)}{code}."
    return StepFinding.advising(words, advice_on_ending(CloseReason(reason)), headline="The till is offline.")


def answered(evidence: Evidence) -> StepFinding:
    row = evidence.request
    if row is None or row.message_type != evidence.harmless:
        return _answered_another(evidence)
    sent = f"Test request sent {distance(row.received_at, evidence.at)}"
    if row.state == RequestState.ANSWERED:
        return StepFinding(True, f"{sent}, answered after {duration(row)}.", is_test=True)
    if row.state == RequestState.REFUSED:
        why = f": “{pos_text(row.error_message)}”" if row.error_message else ""
        words = f"{sent}. The till answers. It refused with ResultCode {row.result_code}{why}."
        return StepFinding(True, words, is_test=True)
    if row.is_open:
        wait = f"Wait up to {UNRESPONSIVE_SECONDS} seconds."
        return StepFinding(False, f"{sent}; no answer yet.", "Leave PowerEPOS running.", wait)
    if row.failure:
        tell = "Change nothing on the till. Ask PowerEPOS support about its answer."
        return StepFinding(False, f"{sent}; {pos_text(row.failure)}", tell, _PRESS, is_test=True)
    tell = "Does the till show a message that waits for input, or is PowerEPOS busy? Close the message and tell me."
    return StepFinding(False, f"{sent}. The till is connected but did not answer.", tell, _PRESS, is_test=True)


def _answered_another(evidence: Evidence) -> StepFinding:
    """Return the finding for evidence without a test request. Any other answered request completes the step, too."""
    row = evidence.request
    if row is not None:
        words = f"The till answered a request {distance(row.received_at, evidence.at)}."
        return StepFinding(True, words, is_test=evidence.harmless is not None)
    if evidence.harmless is None:
        here = f"No test request can be sent until the number of {HARMLESS} is entered under Message types."
        words = f"The portal does not know the number of {HARMLESS}."
        return StepFinding(False, words, "Change nothing on the till.", here)
    words = f"No test request was sent since {evidence.action}."
    return StepFinding(False, words, "Leave PowerEPOS running.", _PRESS, is_test=True)


def _refusal(evidence: Evidence) -> AuthAttempt | None:
    """Return the newest attempt if it was refused and no later connection shows that the cause is corrected."""
    attempt, connection = evidence.attempt, evidence.connection
    if attempt is None or attempt.outcome == Outcome.ACCEPTED or (connection and evidence.is_online):
        return None
    return None if connection and connection.opened_at > attempt.at else attempt


def rival(evidence: Evidence) -> str:
    """Return a warning about the newest refused attempt since the POS connected, or ""."""
    connection, own, other = evidence.connection, evidence.attempt, evidence.under_another_id
    refused = [each for each in (own, other) if each and each.outcome != Outcome.ACCEPTED]
    newest = max(refused, key=lambda each: each.at, default=None)
    if newest is None or connection is None or newest.at < connection.opened_at:
        return ""
    outcome = cause_of(newest, _before_block(evidence)) if newest is own else Outcome(newest.outcome)
    cause = "IDs of different outlets" if is_of_two_outlets(newest, outcome) else outcome.label
    if newest is other:
        sent = show_hidden(newest.provider_outlet_id)
        cause = f"{cause} ({f'“{sent}”' if sent else 'no ProviderOutletID'})"
    at = distance(newest.at, evidence.at)
    return f"Another attempt was refused, {at}{_from(newest)}: {cause}. Does a second till use these values?"


def _or_older(evidence: Evidence) -> str:
    """Return a text that names the old secret, or "" if no old secret is valid or the new one was used."""
    return "" if evidence.older is None or evidence.current.last_used_at else f" or the old {evidence.older.shown}"


def _from(attempt: AuthAttempt | None) -> str:
    return f" from {attempt.address}" if attempt and attempt.address else ""


_PRESS = "Press “Send a test request”."
