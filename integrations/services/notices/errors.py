"""Refusals of operations on webhooks and alert recipients."""

from integrations.services.errors import Conflict, PortalError


class WebhookExists(PortalError):
    message = "There is already a webhook endpoint of this name."
    field = "name"


class WebhookDisabled(Conflict):
    message = "The webhook endpoint is switched off: switch it on first."


class WebhookEnabled(Conflict):
    message = "The webhook endpoint is switched on already."


class RecipientExists(PortalError):
    message = "This address gets these alerts already."
