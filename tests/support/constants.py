"""Constants of the product that some tests need shorter or larger than users do.

The product reads them from no setting. In the process of the tests, and in a server process that a test starts, an
application that only the tests install sets them before anything runs.
"""

import json
from collections.abc import Mapping
from importlib import import_module

from django.apps import AppConfig
from django.conf import settings

VARIABLE = "PORTAL_TESTS_CONSTANTS"

WATCH_INTERVAL = "integrations.relay.watch.watcher.WATCH_INTERVAL"
RECORD_INTERVAL = "integrations.relay.records.recorder.RECORD_INTERVAL"
NOTICE_INTERVAL = "integrations.services.notices.chores.NOTICE_INTERVAL"
OUTLET_GRACE = "integrations.services.notices.presences.OUTLET_GRACE"
ALERT_START_GRACE = "integrations.services.notices.presences.ALERT_START_GRACE"
ALERT_GROUP_SECONDS = "integrations.services.notices.alerts.ALERT_GROUP_SECONDS"
FIRST_BLOCK = "integrations.pos.limits.throttle.FIRST_BLOCK"
BYTES_PER_SECOND = "integrations.pos.limits.allowance.BYTES_PER_SECOND"
ARRIVAL_SECONDS = "integrations.wire.limits.ARRIVAL_SECONDS"
UNREAD_SECONDS = "integrations.wire.limits.UNREAD_SECONDS"


class Constants(AppConfig):
    """Sets what the test settings' CONSTANTS say: full names and numbers."""

    name = "tests.support"
    label = "constants_of_the_tests"

    def ready(self) -> None:
        for constant, value in settings.CONSTANTS.items():
            module, _, name = constant.rpartition(".")
            getattr(import_module(module), name)  # a renamed one fails here
            setattr(import_module(module), name, value)


def with_constants(values: Mapping[str, float]) -> dict[str, str]:
    """Return the environment of a server process in which these constants have these values."""
    return {"DJANGO_SETTINGS_MODULE": "tests.live.stack.settings", VARIABLE: json.dumps(values)}
