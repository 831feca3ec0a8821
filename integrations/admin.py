"""Django looks here; the admin itself lives in staff/."""

from integrations.staff import api_keys, integrations, message_types, organisations, outlets, people, records, requests

__all__ = ["api_keys", "integrations", "message_types", "organisations", "outlets", "people", "records", "requests"]
