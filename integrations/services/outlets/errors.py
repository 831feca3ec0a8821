"""Refusals of operations on organisations and outlets."""

from integrations.services.errors import PortalError


class NotEnabled(PortalError):
    message = "Order N Pay is not enabled for this outlet."


class OutletNotFound(PortalError):
    message = "No outlet has this ProviderOutletID."


class OrganisationExists(PortalError):
    message = "There is already an organisation of this name."


class OutletExists(PortalError):
    message = "The organisation already has an outlet of this name."


class ProviderOutletIdTaken(PortalError):
    message = "Another outlet has this ProviderOutletID."


class ProviderOutletIdInUse(PortalError):
    message = "PowerEPOS knows the outlet by this ProviderOutletID: it cannot be changed any more."


class StillInUse(PortalError):
    message = "Something hangs on this row, so it stays."


class OrganisationNotFound(PortalError):
    message = "There is no organisation of this name."
