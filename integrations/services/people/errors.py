"""Refusals of operations on people."""

from integrations.services.errors import Conflict, PortalError


class NoSecondFactor(Conflict):
    message = "This person has no second factor."
    hint = "Nothing was changed. The person signs in without one."


class PersonNotFound(PortalError):
    message = "No person has this user name. Check its spelling."


class NotLinked(Conflict):
    message = "This identity is not linked to this person."
    hint = "Nothing was changed. Reload the page to see the linked identities."


class IdentityTaken(PortalError):
    message = "This identity is already linked to another person. Unlink it there first."
