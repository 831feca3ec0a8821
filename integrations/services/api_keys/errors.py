"""Refusals of operations on API keys."""

from integrations.services.errors import PortalError


class ApiKeyExists(PortalError):
    message = "An API key with this name exists or existed. Choose another name."
    field = "name"


class ApiKeyNotFound(PortalError):
    message = "No API key has this name."
