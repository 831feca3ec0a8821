"""Refusals of a POS's authentication or connection."""

from http import HTTPStatus

from integrations.models.attempt import Outcome
from integrations.services.errors import PortalError

RETRY_AFTER = 5  # seconds; for refusals caused by the portal, not by the POS


class Refused(PortalError):
    """A POS may not authenticate or connect. The text is for the POS, `outcome` and `integration_id` for staff only."""

    outcome = Outcome.WRONG_SECRET
    cause: Outcome | None = None  # what is wrong, if `outcome` only says that the caller is blocked
    message = "The auth secret was not valid!"
    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, outcome: Outcome | None = None, integration_id: int | None = None) -> None:
        super().__init__()
        self.outcome = outcome or self.outcome
        self.integration_id = integration_id


class WrongSecret(Refused):
    """The outlet is unknown or the secret is wrong. The caller must not learn which of the two."""


class MistypedSecret(Refused):
    """The secret looks like a generated one, but its checksum is wrong. A POS sent it, or staff tried to adopt it."""

    outcome = Outcome.MISTYPED_SECRET
    message = "The secret was mistyped: its checksum is wrong. Please enter it again."
    field = "adopted_secret"


class NotPaired(Refused):
    outcome = Outcome.WRONG_POS_REMOTE_ID
    message = "The POSRemoteID does not match this ProviderOutletID. Please check both on the POS and in the portal."


class IntegrationDisabled(Refused):
    outcome = Outcome.DISABLED
    status = HTTPStatus.FORBIDDEN
    message = "Order N Pay is disabled for this outlet. Please ask the ordering provider."


class Busy(Refused):
    outcome = Outcome.BUSY
    message = "The server is busy. Please try again shortly."
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = RETRY_AFTER


class KeyMissing(Refused):
    """The secret is unknown, but it may be stored under a newer key that this process does not have."""

    message = "This server cannot check the secret now. Please try again shortly."
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = RETRY_AFTER
