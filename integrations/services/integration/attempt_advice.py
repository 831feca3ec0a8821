"""Explain why one attempt was refused, and how to correct the cause, in the same words as the outlet check."""

from dataclasses import replace
from datetime import datetime

from integrations.models import AuthAttempt, Integration, Outlet
from integrations.models.attempt import UNDECIDED, Outcome, PosEndpoint
from integrations.services.errors import Remedy
from integrations.services.integration import waits
from integrations.services.integration.advice import CONNECT_AGAIN, Advice, advice_on, advice_on_handshake
from integrations.services.integration.check_evidence import secrets_in
from integrations.services.integration.check_steps import (
    StepFinding,
    advice_on_id,
    advice_on_values,
    cause_of,
    mispaired,
    note_on_differences,
)
from integrations.text.characters import identity, show_hidden
from integrations.text.moments import distance


def outlet_meant(attempt: AuthAttempt, organisations: frozenset[int] | None) -> Integration | None:
    """Return the integration that an attempt is about: its own, or else the one whose POSRemoteID it sent.

    None if there is no such integration, or if it is outside the visible `organisations` (None: all).
    """
    pk = attempt.integration_id or attempt.pos_remote_id_of_id
    rows = Integration.objects.select_related("outlet__organisation")
    if organisations is not None:
        rows = rows.filter(outlet__organisation__in=organisations)
    return rows.filter(pk=pk).first() if pk else None


def outlet_named(attempt: AuthAttempt, organisations: frozenset[int] | None) -> Outlet | None:
    """Return the outlet with the ProviderOutletID of an attempt that was refused because the outlet was not enabled.

    None if there is no such outlet, or if it is outside the visible `organisations` (None: all).
    """
    if not (attempt.provider_outlet_id and is_of_unknown_id(attempt, _cause(attempt))):
        return None
    rows = Outlet.objects.select_related("organisation", "integration")
    if organisations is not None:
        rows = rows.filter(organisation__in=organisations)
    return rows.filter(match_id=identity(attempt.provider_outlet_id)).first()


def read_advice(
    attempt: AuthAttempt, meant: Integration | None, now: datetime, *, named: Outlet | None = None
) -> StepFinding:
    """Return the cause of an attempt's outcome, with the remedies that are possible now. Takes at most two queries.

    `meant` is from `outlet_meant`, and `named` from `outlet_named`.
    """
    if attempt.outcome == Outcome.ACCEPTED:
        return StepFinding(True, f"The POS got an access token {distance(attempt.at, now)}.")
    if meant is None:
        found = _of_unenabled(named) if named else _finding(attempt, None, "ONPS-", now)
        return replace(_blocked(attempt, found), remedies=())
    current, older = secrets_in(list(meant.credentials.all()), now)
    found = _blocked(attempt, _finding(attempt, meant, current.shown, now)).adapted(current, older)
    if not meant.is_enabled:
        return _of_disabled(found)
    return replace(found, remedies=tuple(each for each in found.remedies if _is_possible(each, attempt, meant, now)))


def _finding(attempt: AuthAttempt, meant: Integration | None, shown: str, now: datetime) -> StepFinding:
    if attempt.endpoint == PosEndpoint.WEBSOCKET:
        advice = advice_on_handshake(Outcome(attempt.outcome))
        return StepFinding.advising(f"The websocket was refused: {attempt.get_outcome_display()}.", advice, attempt.pk)
    cause = _cause(attempt)
    if meant is None or attempt.integration_id is None:
        return _unknown(attempt, meant, cause)
    if cause == Outcome.WRONG_POS_REMOTE_ID:
        return mispaired(attempt, meant.pos_remote_id)
    if cause == Outcome.DISABLED and meant.is_enabled:
        return StepFinding(False, f"{cause.label}. It was enabled again after this attempt.", CONNECT_AGAIN)
    advice = advice_on_values(attempt, meant, cause, now, shown=shown)
    return StepFinding.advising(f"{cause.label}.", advice, attempt.pk)


def _of_unenabled(outlet: Outlet) -> StepFinding:
    """Return the finding for an attempt with the ProviderOutletID of an outlet that was not enabled."""
    if Integration.of(outlet):
        return StepFinding(False, f"Outlet {outlet} was enabled after this attempt.", CONNECT_AGAIN)
    words = f"Outlet {outlet} has this ProviderOutletID, but Order N Pay is not enabled for it."
    tell = "Change nothing on the till yet: you will get the values."
    return StepFinding(False, words, tell, "Enable it, and hand over the values.")


def _of_disabled(found: StepFinding) -> StepFinding:
    """Return the finding for an attempt at an outlet that is disabled now: the advice is to enable the outlet first.

    The outlet check shows the same advice.
    """
    advice = advice_on(Outcome.DISABLED, shown="")
    note = "The outlet is disabled now."
    return replace(found, words=f"{found.words} {note}", tell=advice.tell, here=advice.here, remedies=advice.remedies)


def _cause(attempt: AuthAttempt) -> Outcome:
    """Return the cause of a refusal. If the attempt was blocked, the last attempt before the block may show it."""
    if attempt.outcome != Outcome.THROTTLED or attempt.cause or attempt.integration_id is None:
        return cause_of(attempt, None)
    at_auth = AuthAttempt.objects.filter(integration=attempt.integration_id, endpoint=PosEndpoint.AUTH)
    before = at_auth.filter(at__lte=attempt.at).exclude(outcome__in=(*UNDECIDED, Outcome.THROTTLED))
    return cause_of(attempt, before.values_list("outcome", flat=True).first())


# For these outcomes, an unknown ProviderOutletID must be corrected first, because no secret fits an unknown outlet.
_OF_VALUES = (Outcome.UNKNOWN_OUTLET, Outcome.THROTTLED, Outcome.WRONG_SECRET, Outcome.MISTYPED_SECRET)


def is_of_unknown_id(attempt: AuthAttempt, cause: Outcome) -> bool:
    """Return whether an unknown or missing ProviderOutletID must be corrected first."""
    is_wrong = bool(attempt.provider_outlet_id) and cause in _OF_VALUES
    return attempt.integration_id is None and (is_wrong or attempt.pos_remote_id_of_id is not None)


def _unknown(attempt: AuthAttempt, meant: Integration | None, cause: Outcome) -> StepFinding:
    """Return the finding for an attempt whose ProviderOutletID matches no visible outlet.

    `meant` is the integration whose POSRemoteID the attempt sent, or None.
    """
    sent = show_hidden(attempt.provider_outlet_id)
    if not is_of_unknown_id(attempt, cause):
        return StepFinding.advising(f"{cause.label}.", advice_on(cause, shown="ONPS-"), attempt.pk)
    if meant is None:
        tell = f"Compare the ProviderOutletID and the POSRemoteID with the values that you received. {CONNECT_AGAIN}"
        here = "Search the outlets for the name of the site. Its page shows the values that PowerEPOS needs."
        return StepFinding.advising(f"No outlet has the ProviderOutletID “{sent}”.", Advice(tell, here), attempt.pk)
    own = meant.outlet.provider_outlet_id
    fault = f"No enabled outlet has the ProviderOutletID “{sent}”" if sent else "The POS sent no ProviderOutletID"
    words = f"{fault}, but the POSRemoteID is that of outlet {meant.outlet}."
    note = note_on_differences(attempt.provider_outlet_id, own)
    return StepFinding.advising(f"{words}{note}", advice_on_id(attempt, meant), attempt.pk)


def _blocked(attempt: AuthAttempt, found: StepFinding) -> StepFinding:
    """Return the finding. If the attempt was blocked, add a note and the button that ends the outlet's wait.

    An unknown ProviderOutletID gets no such button: a POS that corrects its ProviderOutletID need not wait.
    """
    if attempt.outcome != Outcome.THROTTLED:
        return found
    note = "The portal blocked this attempt, because too many before it had failed."
    first = (Remedy.END_WAIT,) if attempt.integration_id else ()
    remedies = tuple(dict.fromkeys((*first, *found.remedies)))
    return replace(found, words=f"{found.words} {note}", remedies=remedies)


def _is_possible(remedy: Remedy, attempt: AuthAttempt, meant: Integration, now: datetime) -> bool:
    if remedy == Remedy.END_WAIT:
        return not waits.is_over(attempt, meant, now)
    return remedy != Remedy.CHANGE_POS_REMOTE_ID or meant.pos_remote_id != attempt.pos_remote_id
