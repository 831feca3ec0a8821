"""Django looks here; the admin itself lives in staff/."""

from integrations.staff import (
    api_keys,
    bulk_jobs,
    handover_links,
    integrations,
    message_types,
    organisations,
    outlets,
    records,
    requests,
)

__all__ = [
    "api_keys",
    "bulk_jobs",
    "handover_links",
    "integrations",
    "message_types",
    "organisations",
    "outlets",
    "records",
    "requests",
]
