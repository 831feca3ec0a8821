"""Writes down who did what. Call it inside the transaction of the act itself."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User

from integrations.models import (
    AlertRecipient,
    ApiKey,
    AuditEvent,
    Integration,
    MessageType,
    Organisation,
    Outlet,
    WebhookEndpoint,
)
from integrations.models.audit import Verb


@dataclass(frozen=True)
class Actor:
    """Who acts: a member of staff with an address, or somebody at a shell (no user, no address)."""

    name: str
    user: AbstractBaseUser | None = None
    address: str = ""


Subject = Organisation | Outlet | Integration | ApiKey | MessageType | WebhookEndpoint | AlertRecipient | User


def record(verb: Verb, subject: Subject, *, actor: Actor, **detail: Any) -> AuditEvent:
    """Write one audit event about `subject`; `detail` is kept as JSON and must hold no secret."""
    integration = subject if isinstance(subject, Integration) else None
    outlet = integration.outlet if integration else subject if isinstance(subject, Outlet) else None
    organisation = subject if isinstance(subject, Organisation) else None
    owner = outlet or (subject if isinstance(subject, ApiKey | WebhookEndpoint | AlertRecipient) else None)
    return AuditEvent.objects.create(
        verb=verb,
        actor_id=actor.user.pk if actor.user else None,
        actor_name=actor.name[:200],
        address=actor.address,
        organisation_id=owner.organisation_id if owner else organisation.pk if organisation else None,
        outlet_id=outlet.pk if outlet else None,
        integration_id=integration.pk if integration else None,
        subject=str(subject),
        detail=detail,
    )
