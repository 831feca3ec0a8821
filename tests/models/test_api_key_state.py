"""Python and SQL apply the same rule to decide the state of an API key."""

from datetime import timedelta

import pytest
import time_machine

from integrations.models import ApiKey
from integrations.models.api_key import ApiKeyState, is_in_key_state
from integrations.services.api_keys.api_keys import create_api_key, retire_api_key, rotate_api_key
from tests.support.factories import ANNA, NOON


@pytest.mark.django_db
def test_the_rule_and_the_condition_name_the_same_state() -> None:
    with time_machine.travel(NOON, tick=False):
        for name in ("active", "in overlap", "retired"):
            create_api_key(name, actor=ANNA)
        create_api_key("expired", expires_at=NOON + timedelta(hours=1), actor=ANNA)
        rotate_api_key(ApiKey.objects.get(name="in overlap"), overlap="7d", actor=ANNA)
        rotate_api_key(ApiKey.objects.get(name="retired"), overlap="7d", actor=ANNA)
        retire_api_key(ApiKey.objects.get(name="retired"), actor=ANNA)
    later = NOON + timedelta(hours=1)
    expected = {
        "active": ApiKeyState.ACTIVE,
        "in overlap": ApiKeyState.ACTIVE,
        "retired": ApiKeyState.RETIRED,
        "expired": ApiKeyState.EXPIRED,
    }
    assert {each.name: each.state_at(later) for each in ApiKey.objects.all()} == expected
    by_condition = {
        each.name: state for state in ApiKeyState for each in ApiKey.objects.filter(is_in_key_state(state, later))
    }
    assert by_condition == expected
