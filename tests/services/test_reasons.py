"""Every action that takes a reason applies the same rule to it."""

from collections.abc import Callable

import pytest

from integrations.services.api_keys.api_keys import create_api_key, get_api_key, retire_api_key
from integrations.services.errors import InvalidValue
from integrations.services.integration.enabling import disable
from integrations.services.notices.webhooks import disable_endpoint
from integrations.services.reasons import MAX_REASON_LENGTH
from tests.support.factories import ANNA, make_enabled_outlet
from tests.support.notice_factories import make_endpoint


def _disable_integration(reason: str) -> None:
    disable(make_enabled_outlet().integration, reason=reason, actor=ANNA)


def _retire_key(reason: str) -> None:
    create_api_key("shop", actor=ANNA)
    retire_api_key(get_api_key("shop"), reason=reason, actor=ANNA)


def _disable_webhook(reason: str) -> None:
    disable_endpoint(make_endpoint()[0], reason=reason, actor=ANNA)


ACTIONS = [_disable_integration, _retire_key, _disable_webhook]


@pytest.mark.django_db
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("reason", ["two\nlines", "x" * (MAX_REASON_LENGTH + 1)])
def test_a_reason_that_is_too_long_or_has_several_lines_is_refused(action: Callable[[str], None], reason: str) -> None:
    with pytest.raises(InvalidValue, match="in one line of up to 200 characters") as refused:
        action(reason)
    assert refused.value.field == "reason"


@pytest.mark.django_db
@pytest.mark.parametrize("action", ACTIONS)
def test_a_reason_of_the_maximum_length_is_accepted_after_trimming(action: Callable[[str], None]) -> None:
    action(f" {'x' * MAX_REASON_LENGTH} ")
