"""Django's autodiscovery imports this module; the admin classes are in staff/."""

from integrations.staff.api_keys import admin as api_keys
from integrations.staff.handover import admin as handover_links
from integrations.staff.integration import admin as integrations
from integrations.staff.notices import admin as webhooks
from integrations.staff.notices import alerts
from integrations.staff.outlets import admin as outlets
from integrations.staff.outlets import organisations
from integrations.staff.people import admin as people
from integrations.staff.records import admin as records
from integrations.staff.records import attempts
from integrations.staff.requests import admin as requests
from integrations.staff.requests import message_types

__all__ = [
    "alerts",
    "api_keys",
    "attempts",
    "handover_links",
    "integrations",
    "message_types",
    "organisations",
    "outlets",
    "people",
    "records",
    "requests",
    "webhooks",
]
