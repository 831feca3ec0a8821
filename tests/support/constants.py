"""Overrides of product constants whose normal values are too long or too small for some tests.

The product has no settings for these constants. The Django app below, which is installed only in tests, sets them at
start-up in the test process and in each server process that a test starts.
"""

import json
from collections.abc import Mapping
from importlib import import_module

from django.apps import AppConfig
from django.conf import settings

VARIABLE = "PORTAL_TESTS_CONSTANTS"

WATCH_INTERVAL = "integrations.relay.watch.watcher.WATCH_INTERVAL"
RECORD_INTERVAL = "integrations.relay.records.recorder.RECORD_INTERVAL"
NOTICE_INTERVAL = "integrations.services.notices.notice_chores.NOTICE_INTERVAL"
OUTLET_GRACE = "integrations.services.notices.presences.OUTLET_GRACE"
ALERT_START_GRACE = "integrations.services.notices.presences.ALERT_START_GRACE"
ALERT_GROUP_SECONDS = "integrations.services.notices.alerts.ALERT_GROUP_SECONDS"
FIRST_BLOCK = "integrations.pos.limits.throttle.FIRST_BLOCK"
BYTES_PER_SECOND = "integrations.pos.limits.allowance.BYTES_PER_SECOND"
ARRIVAL_SECONDS = "integrations.wire.limits.ARRIVAL_SECONDS"
UNREAD_SECONDS = "integrations.wire.limits.UNREAD_SECONDS"


class Constants(AppConfig):
    """Applies the overrides in `settings.CONSTANTS`, which maps the full name of each constant to a number."""

    name = "tests.support"
    label = "constants_of_the_tests"

    def ready(self) -> None:
        for constant, value in settings.CONSTANTS.items():
            module, _, name = constant.rpartition(".")
            getattr(import_module(module), name)  # fails if the constant was renamed
            setattr(import_module(module), name, value)


def with_constants(values: Mapping[str, float]) -> dict[str, str]:
    """Return the environment variables that make a server process override these constants."""
    return {"DJANGO_SETTINGS_MODULE": "tests.live.stack.settings", VARIABLE: json.dumps(values)}
