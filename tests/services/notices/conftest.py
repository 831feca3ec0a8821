import pytest
import time_machine

from tests.support.factories import LONG_AGO, STATION, Enabled, make_enabled_outlet


@pytest.fixture
def enabled(db: None) -> Enabled:
    """Return the outlet Station, enabled long before the tests, so that no `outlet.enabled` event is reported."""
    with time_machine.travel(LONG_AGO, tick=False):
        return make_enabled_outlet(STATION)
