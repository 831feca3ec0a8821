"""Django looks here; the admin itself lives in staff/."""

from integrations.staff import integrations, organisations, outlets, records

__all__ = ["integrations", "organisations", "outlets", "records"]
