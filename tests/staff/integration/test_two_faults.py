"""A till with two faults, one after the other: the start page, the check and the page of the attempt agree.

The outlet's page shows the same check.
"""

from collections.abc import Callable, Mapping
from itertools import permutations

import pytest
from django.utils import timezone

from integrations.models import AuthAttempt, Integration
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.models.clock import shared_now
from integrations.services import life_cycle
from integrations.services.errors import PortalError, Remedy
from integrations.services.integration import enabling, pos_secrets, waits
from integrations.services.integration.attempt_advice import outlet_meant, read_advice
from integrations.services.integration.outlet_check import Step, read_check
from integrations.services.overview.attention import read_refused
from tests.support.factories import ANNA, Enabled
from tests.support.staff.pages import be_refused, be_seen


def send_unknown_id(own: Integration) -> None:
    values = {"provider_outlet_id": "mistyped", "pos_remote_id": own.pos_remote_id, "pos_remote_id_of": own}
    be_refused(None, Outcome.UNKNOWN_OUTLET, **values)


def send_no_id(own: Integration) -> None:
    be_refused(None, Outcome.MALFORMED, pos_remote_id=own.pos_remote_id, pos_remote_id_of=own)


def misdirect_unknown_id(own: Integration) -> None:
    values = {"provider_outlet_id": "mistyped", "pos_remote_id": own.pos_remote_id, "pos_remote_id_of": own}
    be_refused(None, Outcome.WRONG_PATH, **values)


def be_blocked_under_unknown_id(own: Integration) -> None:
    values = {"provider_outlet_id": "mistyped", "pos_remote_id": own.pos_remote_id, "pos_remote_id_of": own}
    be_refused(None, Outcome.THROTTLED, cause=Outcome.MISTYPED_SECRET, **values)


def be_disabled(own: Integration) -> None:
    if enabling.obstacle_to_disabling(own) is None:
        enabling.disable(own, reason="A pause", actor=ANNA)
        own.refresh_from_db()
    be_refused(own, Outcome.DISABLED)


def go_offline(own: Integration) -> None:
    connection = be_seen(own, heartbeat_at=timezone.now(), closed=True)
    connection.opened_at = connection.closed_at = timezone.now()
    connection.save()


def refuse_websocket(own: Integration) -> None:
    be_refused(own, Outcome.ACCEPTED)
    attempt = be_refused(own, Outcome.TOKEN_EXPIRED)
    AuthAttempt.objects.filter(pk=attempt.pk).update(endpoint=PosEndpoint.WEBSOCKET)


def be_second_till(own: Integration) -> None:
    be_refused(own, Outcome.ACCEPTED)
    attempt = be_refused(own, Outcome.SECOND_TILL)
    AuthAttempt.objects.filter(pk=attempt.pk).update(endpoint=PosEndpoint.WEBSOCKET)


def be_accepted(own: Integration) -> None:
    be_refused(own, Outcome.ACCEPTED)


def end_wait(own: Integration) -> None:
    waits.end_wait(own, actor=ANNA)


def start_overlap(own: Integration) -> None:
    """Rotate the secret with an overlap, record a use of the new secret, and then a refusal of the old secret."""
    if own.older_secret(shared_now()) is None:
        pos_secrets.rotate_secret(own, overlap="24h", actor=ANNA)
        own.credentials.filter(is_current=True).update(last_used_at=timezone.now())
        own.refresh_from_db()
    be_refused(own, Outcome.RETIRED_SECRET)


def end_overlap(own: Integration) -> None:
    if life_cycle.obstacle_to_ending(own) is None:
        pos_secrets.end_overlap(own, actor=ANNA)


FAULTS: Mapping[str, Callable[[Integration], object]] = {
    "wrong secret": lambda own: be_refused(own, Outcome.WRONG_SECRET),
    "mistyped secret": lambda own: be_refused(own, Outcome.MISTYPED_SECRET),
    "retired secret in an overlap": start_overlap,
    "wrong POSRemoteID": lambda own: be_refused(own, Outcome.WRONG_POS_REMOTE_ID, pos_remote_id="Bella-2"),
    "unknown ProviderOutletID": send_unknown_id,
    "no ProviderOutletID": send_no_id,
    "unknown ProviderOutletID at a wrong path": misdirect_unknown_id,
    "no secret": lambda own: be_refused(own, Outcome.MALFORMED, detail="AuthSecret is empty."),
    "blocked under an unknown ProviderOutletID": be_blocked_under_unknown_id,
    "disabled": be_disabled,
    "blocked": lambda own: be_refused(own, Outcome.THROTTLED, cause=Outcome.MISTYPED_SECRET),
    "blocked without a cause": lambda own: be_refused(own, Outcome.THROTTLED),
    "wrong path": lambda own: be_refused(own, Outcome.WRONG_PATH),
    "refused websocket": refuse_websocket,
    "second till": be_second_till,
    "accepted": be_accepted,
    "offline": go_offline,
    "wait ended by staff": end_wait,
    "overlap ended by staff": end_overlap,
}
OBSTACLES: Mapping[Remedy, Callable[[Integration], PortalError | None]] = {
    Remedy.ROTATE: life_cycle.obstacle_to_rotation,
    Remedy.END_OVERLAP: life_cycle.obstacle_to_ending,
    Remedy.REENABLE: enabling.obstacle_to_reenabling,
}


def step_of(own: Integration) -> Step:
    step = read_check(own, shared_now(), None, with_content=True).next_step
    assert step
    return step


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), list(permutations(FAULTS, 2)))
def test_all_pages_agree_about_two_faults(enabled: Enabled, first: str, second: str) -> None:
    own = enabled.integration
    FAULTS[first](own)
    FAULTS[second](own)
    own = Integration.objects.select_related("outlet__organisation", "presence__connection__process").get(pk=own.pk)
    step, refused = step_of(own), read_refused(None, timezone.now())
    for each in OBSTACLES.keys() & step.remedies:
        assert OBSTACLES[each](own) is None
    if not refused:
        assert step.attempt is None
        return
    (entry,) = refused
    attempt = AuthAttempt.objects.get(pk=entry.attempt.pk)
    advice = read_advice(attempt, outlet_meant(attempt, None), shared_now())
    assert (step.tell, step.here, step.remedies) == (advice.tell, advice.here, advice.remedies)
    assert step.attempt in (entry.attempt.pk, None)
