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
    hint = "Nothing was changed. To let its POS connect, enable the integration again."


class NotDisabled(Conflict):
    message = "The integration is already enabled."
    hint = "Nothing was changed. If its POS does not connect, check the outlet."


class PosRemoteIdTaken(PortalError):
    message = "Another outlet's integration has this POSRemoteID. Check the value in PowerEPOS."
    # Replaces `message` for people allowed to see the other outlet. The braces stand for its name.
    naming = "{} has this POSRemoteID. Check the value in PowerEPOS."
    field = "pos_remote_id"


class SecretTaken(PortalError):
    message = "This secret is in use already, or was used before. Each integration needs a secret of its own."
    field = "adopted_secret"
    hint = "Set another one in PowerEPOS, or let the portal generate one."


class WeakSecret(PortalError):
    message = "This secret is a common password, so it could be guessed at once."
    field = "adopted_secret"
    hint = "Set another one in PowerEPOS, or let the portal generate one."


class NewSecretInUse(Conflict):
    message = "The POS already uses the new secret, so it is not replaced."
    hint = "To create another secret, end the overlap, then rotate."
    remedy = Remedy.END_OVERLAP


class NothingToDisconnect(PortalError):
    message = "The outlet's POS is not connected."
    hint = "There is no socket to close. When the POS connects again, it can be disconnected."
