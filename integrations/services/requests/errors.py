"""Refusals of requests to a POS and of message types."""

from integrations.services.errors import Conflict, PortalError


class PosNotConnected(PortalError):
    message = "The outlet's POS is not connected. Nothing was sent. Try again later, or let the request wait."


class PosBusy(PortalError):
    message = "The queue for this outlet's POS is full. Nothing was sent. Try again later."


class NotAsked(Conflict):
    message = "The integration is disabled, so no requests can be sent to its POS. Enable it again first."
    hint = "Nothing was sent. The POS of a disabled integration is not connected."


class AskedOtherwise(PortalError):
    message = "This form was already sent with other values. Nothing was sent. Press the button again to send it."


class RequestIdUsed(PortalError):
    message = "This outlet already has a request with this RequestID. Nothing was sent. Enter another one, or none."
    field = "own_request_id"


class MessageTypeUnnumbered(PortalError):
    message = "The portal does not know the number of this message type. Enter it under Message types first."


class MessageTypeExists(PortalError):
    message = "Another message type has this name or this number. Choose another one."


class MessageTypeDocumented(PortalError):
    message = "This name cannot be changed, because the PowerEPOS documents define it. Add a message type instead."
