"""A process caches the state of the integrations whose POSes it serves, and reads changed rows again."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from integrations.relay.watch import standings
from integrations.services.integration.enabling import disable
from integrations.services.integration.pos_secrets import end_overlap, rotate_secret
from tests.relay.recording import MINUTE
from tests.support.factories import ANNA, NOON, Enabled, make_enabled_outlet

pytestmark = pytest.mark.django_db


def test_changes_by_staff_are_found_by_their_timestamp(enabled: Enabled) -> None:
    make_enabled_outlet("Airport")
    moment = timezone.now()
    assert standings.changed_since(moment, {}) == {}
    disable(enabled.integration, reason="pause", actor=ANNA)
    changed = standings.changed_since(moment, {})
    assert list(changed) == [enabled.integration.pk]
    standing = changed[enabled.integration.pk]
    assert (standing.is_enabled, standing.generation) == (False, 2)
    assert standing.provider_outlet_id == enabled.handover.provider_outlet_id


def test_a_standing_names_the_valid_credentials_and_their_expiry(enabled: Enabled) -> None:
    pk = enabled.integration.pk
    old = enabled.integration.current_credential()
    with time_machine.travel(NOON, tick=False) as clock:
        rotate_secret(enabled.integration, overlap="1h", actor=ANNA)
        new = enabled.integration.current_credential()
        both = {old.pk: NOON + timedelta(hours=1), new.pk: None}
        assert standings.standings_of([pk])[pk].live_credentials == both
        clock.shift(timedelta(hours=1))
        assert standings.standings_of([pk])[pk].live_credentials == {new.pk: None}


def test_a_credential_is_invalid_after_its_overlap_was_ended(enabled: Enabled) -> None:
    rotate_secret(enabled.integration, overlap="1h", actor=ANNA)
    end_overlap(enabled.integration, actor=ANNA)
    new = enabled.integration.current_credential()
    assert standings.standings_of([enabled.integration.pk])[enabled.integration.pk].live_credentials == {new.pk: None}


def test_rows_are_read_again_only_after_another_change(enabled: Enabled, django_assert_num_queries: object) -> None:
    moment = enabled.integration.changed_at
    known = standings.changed_since(moment, {})
    with django_assert_num_queries(1):  # type: ignore[operator]
        again = standings.changed_since(moment, known)
    pk = enabled.integration.pk
    assert again[pk] is known[pk]
    disable(enabled.integration, reason="pause", actor=ANNA)
    changed = standings.changed_since(moment, known)[pk]
    assert (changed.is_enabled, known[pk].is_enabled) == (False, True)


def test_a_poll_without_changes_takes_one_query(enabled: Enabled, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        standings.changed_since(timezone.now() + MINUTE, {})
