"""Refusals of operations on organisations and outlets."""

from integrations.services.errors import PortalError


class NotEnabled(PortalError):
    message = "Order N Pay is not enabled for this outlet. Enable it first."


class OutletNotFound(PortalError):
    message = "No outlet has this ProviderOutletID. Check its spelling."


class OrganisationExists(PortalError):
    message = "An organisation with this name already exists. Choose another name."


class OutletExists(PortalError):
    message = "The organisation already has an outlet with this name. Choose another name."


class ProviderOutletIdTaken(PortalError):
    message = "Another outlet has this ProviderOutletID. Enter a different one."


class ProviderOutletIdInUse(PortalError):
    message = "The ProviderOutletID can no longer be changed, because PowerEPOS identifies the outlet by it."
    hint = "Keep it, or create another outlet with the new ProviderOutletID."


class StillInUse(PortalError):
    message = "This cannot be deleted because other records refer to it."
    hint = "Delete an organisation's outlets first. An outlet that was ever enabled stays: disable it instead."


class OrganisationNotFound(PortalError):
    message = "No organisation has this name. Check its spelling."
