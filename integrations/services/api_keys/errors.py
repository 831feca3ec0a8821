"""Refusals of operations on API keys."""

from integrations.services.errors import PortalError


class ApiKeyExists(PortalError):
    message = "There is, or was, already an API key of this name."
    field = "name"


class ApiKeyNotFound(PortalError):
    message = "No API key has this name."
