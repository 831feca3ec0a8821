"""Django looks here; the admin itself lives in staff/."""

from integrations.staff import (
    alerts,
    api_keys,
    bulk_jobs,
    handover_links,
    integrations,
    message_types,
    organisations,
    outlets,
    people,
    records,
    requests,
    webhooks,
)

__all__ = [
    "alerts",
    "api_keys",
    "bulk_jobs",
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
