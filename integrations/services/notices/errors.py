"""Refusals of operations on webhooks and alert recipients."""

from integrations.services.errors import Conflict, PortalError


class WebhookExists(PortalError):
    message = "A webhook endpoint with this name already exists. Choose another name."
    field = "name"


class WebhookDisabled(Conflict):
    message = "The webhook endpoint is disabled. Enable it first."


class WebhookEnabled(Conflict):
    message = "The webhook endpoint is already enabled."
    hint = "Nothing was changed. To check the receiver, send a test event."


class RecipientExists(PortalError):
    message = "This address already gets these alerts. Enter another address, or choose another organisation."
