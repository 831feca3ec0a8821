"""Refusals of operations on an integration and its secrets."""

from integrations.services.errors import Conflict, PortalError, Remedy


class AlreadyEnabled(Conflict):
    message = "Order N Pay is already enabled for this outlet."
    hint = (
        "Its secret was shown once, to the person who enabled it, and cannot be shown again. "
        "If it is lost, rotate the secret: that creates a new one and shows it."
    )
    remedy = Remedy.ROTATE


class AlreadyDisabled(Conflict):
    message = "The integration is already disabled."


class NotDisabled(Conflict):
    message = "The integration is already enabled."


class PosRemoteIdTaken(PortalError):
    message = "Another outlet's integration has this POSRemoteID."
    field = "pos_remote_id"


class SecretTaken(PortalError):
    message = "This secret is, or was, used by another credential. Each integration needs a different secret."
    field = "adopted_secret"


class WeakSecret(PortalError):
    message = "This secret is too short to adopt."
    field = "adopted_secret"


class NothingToDisconnect(PortalError):
    message = "The outlet's POS is not connected."
    hint = "There is no socket to close. When the POS connects again, it can be disconnected."
