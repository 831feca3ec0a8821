"""The outlet whose POS gets the requests."""

import pytest
from django.utils import timezone

from tests.support.factories import Enabled
from tests.support.staff.pages import be_seen


@pytest.fixture
def online(enabled: Enabled) -> Enabled:
    """Return the outlet "Station", with its POS connected."""
    be_seen(enabled.integration, heartbeat_at=timezone.now())
    return enabled
