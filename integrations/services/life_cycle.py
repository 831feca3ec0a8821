"""The life cycle of a secret: rotate it, and end its overlap.

POS secrets, API keys and webhook secrets share this life cycle. The owner of a secret defines how the secret is stored
(models/kept_secret.py).
"""

from typing import Any

from integrations.models import ApiKey, Integration, WebhookEndpoint
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.kept_secret import OwnedSecret
from integrations.services.audit import Actor, record
from integrations.services.errors import NoOverlap, OverlapRunning, PortalError, StalePage, refuse_if
from integrations.services.overlaps import OVERLAPS

Owner = Integration | ApiKey | WebhookEndpoint


def obstacle_to_rotation(owner: Owner) -> PortalError | None:
    """Return why the owner's secret cannot be rotated now, or None. `api_keys` checks more before it calls this."""
    return OverlapRunning() if owner.older_secret(shared_now()) else None


def obstacle_to_ending(owner: Owner) -> PortalError | None:
    """Return why the owner's overlap cannot be ended now, or None."""
    return None if owner.older_secret(shared_now()) else NoOverlap()


def check_rotation(owner: Owner, *, seen: str = "") -> Any:
    """Return the current secret of an owner whose row is locked, if it can be rotated now.

    `seen` is the version of the secret that the caller's page showed. It prevents a second
    rotation if the page is submitted twice. Raises StalePage or OverlapRunning.
    """
    current = owner.current_secret()
    check_seen(current, seen)
    refuse_if(obstacle_to_rotation(owner))
    return current


def check_seen(current: OwnedSecret | None, seen: str) -> None:
    """Raise StalePage if the caller's page showed an earlier version of the secret; an empty `seen` is not checked."""
    if seen and current is not None and current.version != seen:
        raise StalePage


def supersede(owner: Owner, *, overlap: str, seen: str = "") -> Any:
    """Set the current secret to expire after `overlap` (see OVERLAPS). The owner's row must be locked.

    Returns the secret as it was before the call. The caller adds the next secret. See check_rotation for `seen` and
    the errors raised.
    """
    current = check_rotation(owner, seen=seen)
    owner.supersede_secret(shared_now(), OVERLAPS[overlap])
    return current


def end_overlap(owner: Owner, *, verb: Verb, actor: Actor) -> None:
    """Retire the old secret of an owner whose row is locked, and record `verb`. Raises NoOverlap."""
    refuse_if(obstacle_to_ending(owner))
    shown = owner.retire_older_secret(shared_now())
    record(verb, owner, actor=actor, **({"shown": shown} if shown else {}))
