"""Refusals of an authentication or a connection of a POS."""

from integrations.models.attempt import Outcome
from integrations.services.errors import PortalError


class Refused(PortalError):
    """A POS may not come in. `outcome` is for staff alone, `integration_id` too; the text is for the POS."""

    outcome = Outcome.WRONG_SECRET
    message = "The auth secret was not valid!"

    def __init__(self, outcome: Outcome | None = None, integration_id: int | None = None) -> None:
        super().__init__()
        self.outcome = outcome or self.outcome
        self.integration_id = integration_id


class WrongSecret(Refused):
    """Unknown outlet or wrong secret: the caller must not learn which."""


class MistypedSecret(Refused):
    """A generated secret with a wrong checksum: sent by a POS, or entered by staff who adopt it."""

    outcome = Outcome.MISTYPED_SECRET
    message = "The auth secret was mistyped: its checksum does not fit. Please enter it again."
    field = "adopted_secret"


class NotPaired(Refused):
    outcome = Outcome.WRONG_POS_REMOTE_ID
    message = "The POSRemoteID does not match this ProviderOutletID. Please check both on the POS and in the portal."


class IntegrationDisabled(Refused):
    outcome = Outcome.DISABLED
    message = "Order N Pay is disabled for this outlet. Please ask the ordering provider."


class Busy(Refused):
    outcome = Outcome.BUSY
    message = "The server is busy. Please try again shortly."


class KeyMissing(Refused):
    """The secret is unknown, but may be stored under a newer key that this process lacks."""

    message = "This server lacks a key. Please try again shortly."
