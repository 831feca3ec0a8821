"""A POS secret, an API key and a webhook's secret follow the same rules."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from integrations.models import AuditEvent
from integrations.models.clock import shared_now
from integrations.services.api_keys import api_keys
from integrations.services.errors import NoOverlap, OverlapRunning, StalePage
from integrations.services.integration import pos_secrets
from integrations.services.life_cycle import Owner, obstacle_to_rotation
from integrations.services.notices import webhooks
from tests.support.factories import ANNA, NOON, make_enabled_outlet
from tests.support.notice_factories import make_endpoint

pytestmark = pytest.mark.django_db

Rotate = Callable[..., Any]
EndOverlap = Callable[..., None]

LIVES: dict[str, tuple[Callable[[], Owner], Rotate, EndOverlap]] = {
    "a POS secret": (lambda: make_enabled_outlet().integration, pos_secrets.rotate_secret, pos_secrets.end_overlap),
    "an API key": (
        lambda: api_keys.create_api_key("kiosk", actor=ANNA)[0],
        api_keys.rotate_api_key,
        api_keys.end_api_key_overlap,
    ),
    "a webhook's secret": (lambda: make_endpoint()[0], webhooks.rotate_endpoint, webhooks.end_endpoint_overlap),
}


@pytest.fixture(params=LIVES)
def life(request: pytest.FixtureRequest) -> tuple[Owner, Rotate, EndOverlap]:
    make, rotate, end_overlap = LIVES[request.param]
    with time_machine.travel(NOON, tick=False):
        return make(), rotate, end_overlap


def fresh(owner: Owner) -> Owner:
    return type(owner).objects.get(pk=owner.pk)


def test_the_old_secret_is_accepted_until_the_overlap_is_over(life: tuple[Owner, Rotate, EndOverlap]) -> None:
    owner, rotate, _ = life
    with time_machine.travel(NOON, tick=False) as clock:
        rotate(owner, overlap="1h", actor=ANNA)
        older = fresh(owner).older_secret(shared_now())
        assert older is not None
        assert older.expires_at == NOON + timedelta(hours=1)
        assert isinstance(obstacle_to_rotation(fresh(owner)), OverlapRunning)
        with pytest.raises(OverlapRunning):
            rotate(owner, actor=ANNA)
        clock.shift(timedelta(hours=1))
        assert obstacle_to_rotation(fresh(owner)) is None
        rotate(owner, actor=ANNA)
        assert fresh(owner).older_secret(shared_now()) is None


def test_an_overlap_is_ended_once(life: tuple[Owner, Rotate, EndOverlap]) -> None:
    owner, rotate, end_overlap = life
    rotate(owner, overlap="7d", actor=ANNA)
    end_overlap(owner, actor=ANNA)
    assert fresh(owner).older_secret(shared_now()) is None
    assert AuditEvent.objects.filter(verb__endswith="overlap_ended").count() == 1
    with pytest.raises(NoOverlap):
        end_overlap(owner, actor=ANNA)


def test_a_form_that_is_sent_twice_rotates_once(life: tuple[Owner, Rotate, EndOverlap]) -> None:
    owner, rotate, _ = life
    current = owner.current_secret()
    assert current is not None
    rotate(owner, seen=current.version, actor=ANNA)
    with pytest.raises(StalePage):
        rotate(owner, seen=current.version, actor=ANNA)
    assert AuditEvent.objects.filter(verb__endswith="rotated").count() == 1
