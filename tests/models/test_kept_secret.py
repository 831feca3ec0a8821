"""Python and SQL apply the same rule to decide whether a secret is accepted."""

from datetime import datetime, timedelta

import pytest

from integrations.models import Credential
from integrations.models.kept_secret import has_expired, is_live
from tests.support.factories import NOON, make_enabled_outlet

SECOND = timedelta(seconds=1)


@pytest.mark.django_db
@pytest.mark.parametrize("is_current", [True, False])
@pytest.mark.parametrize("retired_at", [None, NOON - SECOND])
@pytest.mark.parametrize("expires_at", [None, NOON - SECOND, NOON, NOON + SECOND])
def test_the_rule_and_the_query_accept_the_same_secrets(
    expires_at: datetime | None, retired_at: datetime | None, is_current: bool
) -> None:
    secret = make_enabled_outlet().integration.current_credential()
    secret.expires_at, secret.retired_at, secret.is_current = expires_at, retired_at, is_current and not retired_at
    secret.save()
    accepted = retired_at is None and expires_at in (None, NOON + SECOND)
    assert has_expired(expires_at, NOON) is (expires_at in (NOON - SECOND, NOON))
    assert is_live(secret, NOON) is secret.is_live(NOON) is accepted
    assert Credential.objects.live(NOON).exists() is accepted
    assert secret.is_in_overlap(NOON) is Credential.objects.in_overlap(NOON).exists()
