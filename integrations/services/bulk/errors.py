"""Refusals of operations on many outlets."""

from integrations.services.errors import PortalError


class JobMoved(PortalError):
    message = "This was confirmed, dropped or ended already."
