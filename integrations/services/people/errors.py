"""Refusals of operations on people."""

from integrations.services.errors import Conflict, PortalError


class NoSecondFactor(Conflict):
    message = "This person has no second factor."


class PersonNotFound(PortalError):
    message = "There is no such person."


class NotLinked(Conflict):
    message = "No such identity is linked to this person."


class IdentityTaken(PortalError):
    message = "This identity signs somebody else in already."
