"""Refusals of operations on many outlets."""

from integrations.services.errors import Conflict


class JobMoved(Conflict):
    message = "This was confirmed, dropped or ended already."
