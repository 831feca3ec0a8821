"""Refusals of operations on an integration and its secrets."""

from integrations.services.errors import PortalError


class AlreadyEnabled(PortalError):
    message = "Order N Pay is already enabled for this outlet."


class AlreadyDisabled(PortalError):
    message = "The integration is already disabled."


class NotDisabled(PortalError):
    message = "The integration is enabled already."


class PosRemoteIdTaken(PortalError):
    message = "Another outlet's integration has this POSRemoteID."


class SecretTaken(PortalError):
    message = "This secret is, or was, another credential's: each integration needs one of its own."


class WeakSecret(PortalError):
    message = "This secret is too short to adopt."
