"""The reasons for refusing a POS a token or a websocket. The message is for the POS, the outcome for staff.

Each refusal also defines its status and Retry-After, so a new one needs no change elsewhere.
"""

from http import HTTPStatus

from integrations.models.attempt import Outcome
from integrations.services.connections.errors import RETRY_AFTER, Refused


class TooManyFailures(Refused):
    """The outlet or the address is blocked for `wait` seconds. `cause` is for staff: what is wrong, if it is known."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    message = "Too many failed attempts. Please wait before the next one, and check the secret."

    def __init__(self, wait: float, cause: Outcome | None = None) -> None:
        super().__init__(Outcome.THROTTLED)
        self.retry_after = wait
        self.cause = cause


class PortalUnavailable(Refused):
    """The portal cannot check the caller at the moment."""

    outcome = Outcome.DATABASE_AWAY
    message = "The portal is unavailable. Please try again shortly."
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = RETRY_AFTER


class PortalRestarting(Refused):
    outcome = Outcome.DRAINING
    message = "The portal is restarting. Please try again shortly."
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = RETRY_AFTER


class WrongPath(Refused):
    """The POS used a path that does not exist; the message names the right one."""

    outcome = Outcome.WRONG_PATH
    status = HTTPStatus.NOT_FOUND

    def __init__(self, message: str, integration_id: int | None = None) -> None:
        self.message = message
        super().__init__(integration_id=integration_id)


class NoToken(Refused):
    outcome = Outcome.TOKEN_MISSING
    message = "An access token is needed: wss://HOST/?token=..."


class BadToken(Refused):
    """The token is forged, expired or voided: `outcome` says which."""

    message = "The access token is no longer valid. Please authenticate again."


class SecondTill(Refused):
    """Another till is connected for the outlet, and cannot be replaced for at least `wait` seconds."""

    outcome = Outcome.SECOND_TILL
    message = "Another till is connected with the same credentials. Please remove them from one of the two tills."
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, integration_id: int, wait: float) -> None:
        super().__init__(integration_id=integration_id)
        self.retry_after = wait
