"""Refusals of operations on webhooks and alert recipients."""

from integrations.services.errors import PortalError


class WebhookExists(PortalError):
    message = "There is already a webhook endpoint of this name."


class WebhookDisabled(PortalError):
    message = "The webhook endpoint is switched off: switch it on first."


class WebhookEnabled(PortalError):
    message = "The webhook endpoint is switched on already."


class RecipientExists(PortalError):
    message = "This address gets these alerts already."
