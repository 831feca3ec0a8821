"""Checks an access token with one read that concurrent handshakes share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, InterfaceError

from integrations.models.attempt import Outcome
from integrations.models.clock import shared_now
from integrations.models.kept_secret import is_live
from integrations.pos import tokens
from integrations.pos.access import attempt_recording, availability
from integrations.pos.access.refusals import BadToken, NoToken, PortalUnavailable
from integrations.pos.access.visitors import Visitor
from integrations.pos.tokens import ExpiredToken, ForgedToken, Token
from integrations.services.connections.errors import Refused
from integrations.services.rows.sql_query import SqlQuery
from integrations.services.rows.threads import Joined

HANDSHAKES_AT_ONCE = 32  # maximum number of callers that share one query; later callers wait for the next query


@dataclass(slots=True)  # not frozen: a reconnect storm creates thousands, and a frozen one takes four times as long
class Admission:
    """The data for checking a handshake: the credential named in the token, and the integration of that credential."""

    credential_id: int
    integration_id: int
    generation: int
    is_enabled: bool
    provider_outlet_id: str
    expires_at: datetime | None
    retired_at: datetime | None
    has_requests: bool  # whether requests are waiting for this outlet's POS


_by_credential = SqlQuery(
    Admission,
    """
    SELECT credential.id AS credential_id, credential.integration_id, integration.generation, integration.is_enabled,
        outlet.provider_outlet_id, credential.expires_at, credential.retired_at,
        EXISTS (
            SELECT 1 FROM integrations_request AS request
            WHERE request.integration_id = credential.integration_id AND request.state {open}
        ) AS has_requests
    FROM integrations_credential AS credential
    JOIN integrations_integration AS integration ON integration.id = credential.integration_id
    JOIN integrations_outlet AS outlet ON outlet.id = integration.outlet_id
    WHERE credential.id {among}
    """,
)


async def admit(token: str | None, visitor: Visitor, origin: str = "") -> Admission:
    """Return the admission for a token. Raises Refused. `origin` is only recorded with a refusal."""
    try:
        return await _admission_of(token)
    except Refused as refusal:
        await attempt_recording.record_refused_socket(
            refusal, visitor, f"The Origin header was {origin}" if origin else ""
        )
        raise


def outlet_of(token: str | None) -> int | None:
    """Return the id of the integration in a token, even if the token has expired; None if it is forged or missing."""
    try:
        return tokens.read(token).integration_id if token else None
    except ExpiredToken as error:
        return error.token.integration_id
    except ForgedToken:
        return None


async def _admission_of(text: str | None) -> Admission:
    await availability.get_runtime()
    if not text:
        raise NoToken
    try:
        token = tokens.read(text)
        admission = await _admissions.find(token.credential_id)
    except ForgedToken as error:
        raise BadToken(Outcome.TOKEN_FORGED) from error
    except ExpiredToken as error:
        raise BadToken(Outcome.TOKEN_EXPIRED, error.token.integration_id) from error
    except (DatabaseError, InterfaceError) as error:
        raise PortalUnavailable from error
    return _checked(token, admission)


def _checked(token: Token, admission: Admission | None) -> Admission:
    if admission is None or admission.integration_id != token.integration_id:
        raise BadToken(Outcome.TOKEN_VOID)
    if not admission.is_enabled:
        raise BadToken(Outcome.DISABLED, admission.integration_id)
    if admission.generation != token.generation or not is_live(admission, shared_now()):
        raise BadToken(Outcome.TOKEN_VOID, admission.integration_id)
    return admission


def _find_admissions(credential_ids: Sequence[int]) -> dict[int, Admission]:
    return {admission.credential_id: admission for admission in _by_credential.rows(credential_ids)}


_admissions: Joined[int, Admission] = Joined(_find_admissions, HANDSHAKES_AT_ONCE)
