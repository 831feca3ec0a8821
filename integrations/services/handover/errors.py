"""Refusals of one-time hand-over links."""

from integrations.services.errors import Conflict, PortalError


class LinkEnded(Conflict):
    message = "The link has already ended: it was opened, revoked or blocked, or it has expired."
    hint = "If the recipient does not have the values, rotate the secret and create another link."


class LinkRefused(PortalError):
    """The link is unknown, used, expired or revoked, or the passphrase is wrong. A stranger must not learn which."""

    message = "The link or the passphrase is not valid. Check both, or ask the sender for a new link."


class LinkBusy(PortalError):
    message = "The portal is busy. Please try again in a minute."
