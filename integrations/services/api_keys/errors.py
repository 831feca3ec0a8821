"""Refusals of operations on API keys."""

from integrations.services.errors import PortalError


class ApiKeyExists(PortalError):
    message = "There is, or was, already an API key of this name."


class ApiKeyNotFound(PortalError):
    message = "No API key has this name."


class ApiKeyRetired(PortalError):
    message = "The API key is retired: make another."


class ApiKeyExpired(PortalError):
    message = "The API key has expired: make another."
