"""Refusals of one-time hand-over links."""

from integrations.services.errors import Conflict, PortalError


class LinkEnded(Conflict):
    message = "The link has ended already: it was opened, taken back, or its time was over."


class LinkRefused(PortalError):
    """Unknown, used, expired, taken back, or the wrong passphrase: a stranger must not learn which."""

    message = "This link and this passphrase open nothing."


class LinkBusy(PortalError):
    message = "The portal is busy. Please try again in a minute."
