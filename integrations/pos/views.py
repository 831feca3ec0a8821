import logging
from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.views import APIView

from integrations.pos import errors, messages
from integrations.pos.access import attempt_recording, exchange
from integrations.pos.access.refusals import WrongPath
from integrations.pos.access.visitors import visitor_of
from integrations.services.connections.authentication import Claim
from integrations.services.handover.handover import auth_url
from integrations.wire.plain_http import PlainRequest, PlainResponse

logger = logging.getLogger(__name__)


class AuthView(APIView):
    """Exchanges ProviderOutletID, POSRemoteID and AuthSecret for an access token (SPEC).

    It is async because it waits for a look-up that concurrent authentications share. The body is parsed as
    JSON, whatever its Content-Type is (docs/protocol.md). DRF's request, content negotiation and rendering are
    bypassed, because they would cost more than the authentication.
    """

    http_method_names = ["post"]

    async def dispatch(  # type: ignore[override]
        self, request: PlainRequest, *_args: Any, **_kwargs: Any
    ) -> PlainResponse:
        """Return the answer to a request. An exception becomes an error answer."""
        try:
            return await self.answer(request)
        except Exception as error:  # noqa: BLE001  (the POS gets JSON for every error)
            return self.refuse(error)

    async def answer(self, request: PlainRequest) -> PlainResponse:
        """Return the answer to a request for the auth endpoint. Raises Refused, Malformed or MethodNotAllowed."""
        visitor = visitor_of(request.scope)
        if request.method != "POST":
            message = f"The method {request.method} is not allowed. To authenticate, send a POST to {auth_url()}"
            await attempt_recording.record_malformed(visitor, message, messages.NO_CLAIM)
            raise MethodNotAllowed(request.method, message)
        try:
            claim = messages.read_auth_request(request.body)
        except messages.Malformed as error:
            await attempt_recording.record_malformed(visitor, str(error), error.claim)
            raise
        return errors.json_answer(messages.auth_success(await exchange.issue_token(claim, visitor)))

    def refuse(self, error: Exception) -> PlainResponse:
        response = errors.answer(error)
        if response is None:
            logger.error("Unhandled error while processing an authentication.", exc_info=error)
            response = errors.refusal("Internal error in the portal. Please try again later.", 500)
        return response


class MisdirectedView(AuthView):
    """Rejects a request for the auth endpoint that was sent to a wrong path; the message names the right one."""

    async def answer(self, request: PlainRequest) -> PlainResponse:
        refusal = WrongPath(f"There is nothing at this path. To authenticate, send a POST to {auth_url()}")
        await attempt_recording.record_misdirected(
            refusal, visitor_of(request.scope), request.path, _claim_in(request.body)
        )
        raise refusal


def _claim_in(body: bytes) -> Claim:
    try:
        return messages.read_auth_request(body)
    except messages.Malformed as error:
        return error.claim
