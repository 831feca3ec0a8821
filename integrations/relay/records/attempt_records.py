"""The records of attempts to authenticate or connect, and of unrecognised frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import ClassVar, Self

from integrations.models import AuthAttempt, Credential, Integration, UnrecognisedFrame
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.relay.records.batch import BatchRecord, Writing
from integrations.security.secret_digests import Algorithm, known_keys
from integrations.services.integration.pairings import find_owners
from integrations.services.rows import plain_rows
from integrations.services.rows.chunks import CHUNK
from integrations.text.characters import identity

FRAMES_PER_INTEGRATION = 50  # unrecognised frames that are kept


@dataclass(slots=True, eq=False)
class Attempt(BatchRecord):
    """One attempt to authenticate or connect, stored later as an AuthAttempt row. Model objects would be too slow."""

    most: ClassVar[int | None] = 20_000
    is_loss_reported: ClassVar[bool] = True

    at: datetime
    endpoint: PosEndpoint
    outcome: Outcome
    integration_id: int | None = None
    provider_outlet_id: str = ""
    pos_remote_id: str = ""
    address: str = ""
    user_agent: str = ""
    detail: str = ""
    pos_remote_id_of_id: int | None = None
    cause: str = ""

    @classmethod
    def write(cls, records: Sequence[Self], _writing: Writing) -> None:
        _find_integrations([each for each in records if each.integration_id is None and each.provider_outlet_id])
        _refer_to_owners([each for each in records if each.pos_remote_id and each.outcome != Outcome.ACCEPTED])
        plain_rows.insert_rows(AuthAttempt, cls.__slots__, map(attrgetter(*cls.__slots__), records))


def _find_integrations(unplaced: Sequence[Attempt]) -> None:
    """Set the integration of attempts that were refused before any look-up, so that the outlet's page shows them."""
    if not unplaced:
        return
    sent = {identity(attempt.provider_outlet_id) for attempt in unplaced}
    rows = Integration.objects.filter(outlet__match_id__in=sent)
    ids = dict(rows.values_list("outlet__match_id", "pk"))
    for attempt in unplaced:
        attempt.integration_id = ids.get(identity(attempt.provider_outlet_id))
    _explain(unplaced)


def _explain(unplaced: Sequence[Attempt]) -> None:
    """Set the precise outcome of attempts with a wrong secret. No answer waits for this, so timing reveals nothing."""
    wrong = [attempt for attempt in unplaced if Outcome.WRONG_SECRET in (attempt.outcome, attempt.cause)]
    ids = {attempt.integration_id for attempt in wrong} - {None}
    current = Credential.objects.filter(integration__in=ids, is_current=True, algorithm=Algorithm.HMAC_SHA256)
    lost = current.exclude(key_id__in=known_keys()).values_list("integration", flat=True) if ids else ()
    under_lost_key = set(lost)
    for attempt in wrong:
        if attempt.integration_id is None:
            _set_precise_outcome(attempt, Outcome.UNKNOWN_OUTLET)
        elif attempt.integration_id in under_lost_key:
            _set_precise_outcome(attempt, Outcome.UNKNOWN_KEY)


def _set_precise_outcome(attempt: Attempt, cause: Outcome) -> None:
    """Store `cause` as the outcome of an attempt, or as its `cause` if the caller was blocked."""
    if attempt.outcome == Outcome.THROTTLED:
        attempt.cause = cause
    else:
        attempt.outcome = cause


def _refer_to_owners(refused: Sequence[Attempt]) -> None:
    """Note the integration whose POSRemoteID was sent, unless the attempt's own has it. No POS waits for this."""
    if not refused:
        return
    found = find_owners({attempt.pos_remote_id for attempt in refused})
    for attempt in refused:
        owners = found.get(attempt.pos_remote_id)
        attempt.pos_remote_id_of_id = owners[0] if owners and attempt.integration_id not in owners else None


@dataclass(slots=True, eq=False)
class FrameUnrecognised(BatchRecord):
    """An unrecognised frame."""

    most: ClassVar[int | None] = 1_000

    frame: UnrecognisedFrame

    @classmethod
    def write(cls, records: Sequence[Self], _writing: Writing) -> None:
        rows = [each.frame for each in records]
        UnrecognisedFrame.objects.bulk_create(rows, batch_size=CHUNK)
        for integration_id in {row.integration_id for row in rows}:
            of_integration = UnrecognisedFrame.objects.filter(integration=integration_id)
            kept = list(of_integration.values_list("pk", flat=True)[:FRAMES_PER_INTEGRATION])
            of_integration.exclude(pk__in=kept).delete()
