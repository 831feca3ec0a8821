"""Refusals of requests to a POS and of message types."""

from integrations.services.errors import Conflict, PortalError


class PosNotConnected(PortalError):
    message = "The outlet's POS is not connected: nothing was sent."


class PosBusy(PortalError):
    message = "As many requests as one outlet may have are waiting for this POS already: nothing was sent."


class NotAsked(Conflict):
    message = "The integration is disabled, so its POS cannot be asked: enable it again first."
    hint = "Nothing was sent. A disabled integration has no POS that could answer."


class AskedOtherwise(PortalError):
    message = "This form was sent before, with other values. Nothing was sent now; press the button again to send it."


class MessageTypeUnnumbered(PortalError):
    message = "The portal does not know the number of this message type: enter it under Message types first."


class MessageTypeExists(PortalError):
    message = "Another message type has this name or this number."


class MessageTypeDocumented(PortalError):
    message = "PowerEPOS's documents name this message type: its name stays."
