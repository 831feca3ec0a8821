"""Refusals of operations on people."""

from integrations.services.errors import Conflict, PortalError


class NoSecondFactor(Conflict):
    message = "This person has no second factor."


class PersonNotFound(PortalError):
    message = "No such person exists."


class NotLinked(Conflict):
    message = "This identity is not linked to this person."


class IdentityTaken(PortalError):
    message = "This identity is already linked to another person."
