"""Authenticates `Authorization: Bearer ONPK-...` with one indexed read that concurrent calls share.

Each handler of a view uses the decorator `requires` to declare the scope that a caller needs. `check_scope` refuses a
call to a handler without a declaration.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from integrations.backend.base.problems import INVALID_KEY, MISSING_SCOPE, NETWORK_NOT_ALLOWED, NOT_READY, Problem
from integrations.models import ApiKeySecret
from integrations.models.api_key import CallLimit, Scope, call_limit, parsed_networks, parsed_scopes
from integrations.models.clock import shared_now
from integrations.models.kept_secret import is_live
from integrations.relay.records.recorder import Recorder
from integrations.relay.records.secret_records import SecretRedigested, SecretUsed
from integrations.security import secret_digests
from integrations.security.secret_digests import SecretKind
from integrations.services.keys import newer_keys
from integrations.services.rows.remembered import Remembered
from integrations.services.rows.sql_query import SqlQuery
from integrations.text.client_address import is_in

MAX_LENGTH = 256

OPERATION = "operation"  # name of the handler attribute that holds the operation's name in the OpenAPI document
_REQUIRED = "required_scope"  # name of the handler attribute that holds the required scope

Digests = tuple[str, ...]
Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Caller:
    """The API key that authenticated a call."""

    secret_id: int
    digest: str = field(repr=False)
    key_id: str
    expires_at: datetime | None
    retired_at: datetime | None
    api_key_id: int
    organisation_id: int | None
    scopes: str  # a JSON list
    networks: str  # a JSON list
    name: str
    calls_per_second: int | None = None
    calls_burst: int | None = None

    @property
    def call_limit(self) -> CallLimit:
        return call_limit(self.calls_per_second, self.calls_burst)

    @property
    def organisations(self) -> frozenset[int] | None:
        """Return the organisations that this key may see, or None if it may see all."""
        return None if self.organisation_id is None else frozenset({self.organisation_id})

    def sees(self, organisation_id: int) -> bool:
        """Return whether this key may see an organisation's outlets."""
        return self.organisation_id in (None, organisation_id)

    def may_call_from(self, address: str) -> bool:
        """Return whether this key may be used from a client's address."""
        networks = parsed_networks(self.networks)
        return not networks or is_in(address, networks)


_by_digest = SqlQuery(
    Caller,
    """
    SELECT secret.id AS secret_id, secret.digest, secret.key_id, secret.expires_at, secret.retired_at,
        secret.api_key_id, api_key.organisation_id, api_key.scopes, api_key.networks, api_key.name,
        api_key.calls_per_second, api_key.calls_burst
    FROM integrations_apikeysecret AS secret
    JOIN integrations_apikey AS api_key ON api_key.id = secret.api_key_id
    WHERE secret.digest {among}
    """,
)


def requires(scope: Scope | None) -> Callable[[Handler], Handler]:
    """Return a decorator that declares the scope of a handler; None means that any valid key may call it."""

    def declare(handler: Handler) -> Handler:
        setattr(handler, _REQUIRED, scope)
        return handler

    return declare


def check_scope(caller: Caller, handler: Callable[..., Any]) -> None:
    """Raise Problem if the key does not have the scope of a handler, or LookupError if the handler declares none."""
    if not hasattr(handler, _REQUIRED):
        raise LookupError(f"{handler.__qualname__} declares no scope, so no key may call it.")
    scope: Scope | None = getattr(handler, _REQUIRED)
    if scope is not None and scope not in parsed_scopes(caller.scopes):
        message = f"This call requires the scope {scope.value}. Use an API key that has it."
        raise Problem(MISSING_SCOPE, message, scope=scope.value)


async def authenticate(given: Sequence[str], recorder: Recorder, *, address: str) -> Caller:
    """Return the caller whose API key is in `given`, the values of the call's Authorization headers.

    `address` is the client's IP address. Raises Problem, or the database's error.
    """
    if len(given) > 1:  # with several headers, a proxy might check one and the portal another
        raise Problem(INVALID_KEY, "Send one Authorization header: the call has several.")
    canonical = _read_key("".join(given))
    now = shared_now()
    caller = await _callers.find(tuple(secret_digests.keyed_digests(canonical)))
    if caller is None and newer_keys.is_lacking():
        raise Problem(
            NOT_READY, "This server cannot check this API key yet: it lacks one of the portal's keys. Try again later."
        )
    if caller is None or not is_live(caller, now):
        raise Problem(INVALID_KEY, "The API key is unknown, expired or retired. Create another one in the portal.")
    if not caller.may_call_from(address):
        raise Problem(NETWORK_NOT_ALLOWED, f"The API key cannot be used from {address or 'an unknown address'}.")
    recorder.record(SecretUsed(ApiKeySecret, caller.secret_id, now))
    if caller.key_id != secret_digests.current_key().key_id:
        digest = secret_digests.digest_generated(SecretKind.API_KEY, canonical)
        recorder.record(SecretRedigested(ApiKeySecret, caller.secret_id, digest))
    return caller


def _read_key(header: str) -> str:
    scheme, _, text = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Problem(INVALID_KEY, "Send an API key: Authorization: Bearer ONPK-...")
    try:
        canonical = secret_digests.recognise(SecretKind.API_KEY, text.strip()[:MAX_LENGTH])
    except secret_digests.WrongChecksum as error:
        raise Problem(INVALID_KEY, "The API key was mistyped: its checksum is wrong. Copy it again.") from error
    if canonical is None:
        raise Problem(INVALID_KEY, "This is not an API key; API keys begin with ONPK-.")
    return canonical


def _find_callers(wanted: Sequence[Digests]) -> dict[Digests, Caller]:
    """Return callers by the digests of their keys. The query compares the digests, so no other comparison is needed."""
    digests = {digest for each in wanted for digest in each}
    found = {caller.digest: caller for caller in _by_digest.rows(list(digests))}
    return {each: found[digest] for each in wanted for digest in each if digest in found}


_callers: Remembered[Digests, Caller] = Remembered(_find_callers)
