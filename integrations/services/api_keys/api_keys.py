"""Create, change, rotate and retire API keys. Their secrets have the same life cycle as those of a POS."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from integrations.models import ApiKey, ApiKeySecret, Organisation
from integrations.models.api_key import DEFAULT_SCOPES, ApiKeyState, Scope
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.kept_secret import has_expired
from integrations.security import secret_digests
from integrations.security.secret_digests import SecretKind
from integrations.services import life_cycle
from integrations.services.api_keys.errors import ApiKeyExists, ApiKeyExpired, ApiKeyNotFound, ApiKeyRetired
from integrations.services.audit import Actor, record
from integrations.services.errors import InvalidValue, PortalError, refuse_if
from integrations.services.keys import keys
from integrations.services.outlets.outlets import check_form
from integrations.services.reasons import plain_reason
from integrations.text.client_address import parsed_network
from integrations.text.moments import iso

MAX_NETWORKS = 50
MOST_CALLS = 100_000  # upper bound of either limit; no process can answer more calls per second or in a burst


@transaction.atomic
def create_api_key(
    name: str,
    *,
    organisation: Organisation | None = None,
    scopes: Collection[str] = DEFAULT_SCOPES,
    networks: Collection[str] = (),
    calls_per_second: int | None = None,
    calls_burst: int | None = None,
    expires_at: datetime | None = None,
    actor: Actor,
) -> tuple[ApiKey, str]:
    """Create an API key. Return it and its secret in plain text; the plain text cannot be read again.

    Without `organisation`, the key sees all organisations; without `networks` (at most 50, in CIDR notation), calls may
    come from any address. Without `calls_per_second`, the limits in the settings apply. If only `calls_burst` is
    missing, the burst limit is twice `calls_per_second`. Raises InvalidValue or ApiKeyExists.
    """
    if has_expired(expires_at, shared_now()):
        raise InvalidValue("expires_at", "The expiry time is in the past. Choose a later one.")
    access = _checked_access(scopes, networks, calls_per_second, calls_burst)
    key = ApiKey(name=name, organisation=organisation, **access)
    _save_key(key)
    text, secret = _add_secret(key, expires_at=expires_at, actor=actor)
    _record_creation(key, secret, actor)
    return key, text


@transaction.atomic
def change_api_key(
    key: ApiKey,
    *,
    scopes: Collection[str],
    networks: Collection[str] = (),
    calls_per_second: int | None = None,
    calls_burst: int | None = None,
    actor: Actor,
) -> None:
    """Change what a key may do, from where and how often; see create_api_key for the values.

    Every process applies the change within a second. Raises InvalidValue or ApiKeyRetired.
    """
    after = _checked_access(scopes, networks, calls_per_second, calls_burst)
    key = key.locked()
    refuse_if(obstacle_to_change(key))
    before = {name: getattr(key, name) for name in after}
    changed = {name: value for name, value in after.items() if value != before[name]}
    if not changed:
        return
    ApiKey.objects.filter(pk=key.pk).update(**changed)
    detail = {name: {"before": before[name], "after": value} for name, value in changed.items()}
    record(Verb.API_KEY_CHANGED, key, actor=actor, **detail)


def obstacle_to_change(key: ApiKey) -> PortalError | None:
    """Return why a key can neither be changed nor retired now, or None."""
    return ApiKeyRetired() if key.state_at(shared_now()) is ApiKeyState.RETIRED else None


def obstacle_to_rotation(key: ApiKey) -> PortalError | None:
    """Return why a key cannot be rotated now, or None."""
    return _obstacle_to_use(key) or life_cycle.obstacle_to_rotation(key)


@transaction.atomic
def rotate_api_key(key: ApiKey, *, overlap: str = "0", seen: str = "", actor: Actor) -> str:
    """Replace the key's secret and return the new one, which cannot be read again. The expiry time stays the same.

    Raises ApiKeyRetired, ApiKeyExpired, StalePage or OverlapRunning. See life_cycle.check_rotation for `seen`.
    """
    key = key.locked()
    refuse_if(_obstacle_to_use(key))
    old: ApiKeySecret = life_cycle.supersede(key, overlap=overlap, seen=seen)
    text, secret = _add_secret(key, expires_at=old.expires_at, actor=actor)
    record(Verb.API_KEY_ROTATED, key, actor=actor, overlap=overlap, shown=secret.shown, replaced=old.shown)
    return text


@transaction.atomic
def end_api_key_overlap(key: ApiKey, *, actor: Actor) -> None:
    """Retire the key's old secret immediately. Raises NoOverlap."""
    life_cycle.end_overlap(key.locked(), verb=Verb.API_KEY_OVERLAP_ENDED, actor=actor)


@transaction.atomic
def retire_api_key(key: ApiKey, *, reason: str = "", actor: Actor) -> None:
    """Retire all secrets of a key immediately and permanently. Raises ApiKeyRetired or InvalidValue."""
    reason = plain_reason(reason)
    key = key.locked()
    refuse_if(obstacle_to_change(key))
    secrets = key.secrets.filter(retired_at=None)
    shown = [secret.shown for secret in secrets]
    secrets.retire(shared_now(), reason=reason or "API key retired")
    record(Verb.API_KEY_RETIRED, key, actor=actor, reason=reason, shown=shown)


def get_api_key(name: str) -> ApiKey:
    """Return the API key with this name. Raises ApiKeyNotFound."""
    key = ApiKey.objects.filter(name=name).first()
    if key is None:
        raise ApiKeyNotFound
    return key


def _obstacle_to_use(key: ApiKey) -> PortalError | None:
    """Return why no system can call with the key's current secret, or None."""
    expired = ApiKeyExpired() if key.state_at(shared_now()) is ApiKeyState.EXPIRED else None
    return obstacle_to_change(key) or expired


def _checked_scopes(scopes: Collection[str]) -> list[str]:
    chosen = [scope.value for scope in Scope if scope in scopes]
    if not chosen or len(chosen) != len(set(scopes)):
        raise InvalidValue("scopes", f"Choose at least one scope, each one of {', '.join(Scope.values)}.")
    return chosen


def _checked_networks(networks: Collection[str]) -> list[str]:
    if len(networks) > MAX_NETWORKS:
        raise InvalidValue("networks", f"Enter at most {MAX_NETWORKS} networks.")
    return list(dict.fromkeys(map(_checked_network, networks)))


def _checked_network(text: str) -> str:
    try:
        return str(parsed_network(text))
    except ValueError as error:
        message = f"{text[:64]!r} is not a network in CIDR notation, like 192.0.2.0/24 or 2001:db8::/32."
        raise InvalidValue("networks", message) from error


def _checked_access(
    scopes: Collection[str], networks: Collection[str], per_second: int | None, burst: int | None
) -> dict[str, Any]:
    """Check a key's scopes, networks and limits, and return them by column name. Raises InvalidValue."""
    limits = {"calls_per_second": per_second, "calls_burst": burst}
    for field, value in limits.items():
        if value is not None and not 1 <= value <= MOST_CALLS:
            raise InvalidValue(field, f"Enter a whole number from 1 to {MOST_CALLS:,}.")
    if per_second is None and burst is not None:
        raise InvalidValue("calls_per_second", "Enter the calls per second too.")
    return {"scopes": _checked_scopes(scopes), "networks": _checked_networks(networks), **limits}


def _save_key(key: ApiKey) -> None:
    check_form(key)
    try:
        with transaction.atomic():
            key.save()
    except IntegrityError as error:
        raise ApiKeyExists from error


def _record_creation(key: ApiKey, secret: ApiKeySecret, actor: Actor) -> None:
    record(
        Verb.API_KEY_CREATED,
        key,
        actor=actor,
        scopes=key.scopes,
        networks=key.networks,
        calls_per_second=key.calls_per_second,
        calls_burst=key.calls_burst,
        shown=secret.shown,
        expires_at=iso(secret.expires_at) if secret.expires_at else None,
    )


def _add_secret(key: ApiKey, *, expires_at: datetime | None, actor: Actor) -> tuple[str, ApiKeySecret]:
    keys.choose_before_writing()
    text = secret_digests.generate(SecretKind.API_KEY)
    digest = secret_digests.digest_generated(SecretKind.API_KEY, text)
    secret = ApiKeySecret.objects.create(
        api_key=key,
        algorithm=digest.algorithm,
        digest=digest.value,
        key_id=digest.key_id,
        shown=digest.shown,
        created_by=actor.stored_name,
        expires_at=expires_at,
    )
    return text, secret
