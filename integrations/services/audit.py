"""Record audit events. Call these functions inside the transaction of the recorded action."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import connection

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
from integrations.models.audit import ACTOR_PREFIXES, ActorKind, Verb
from integrations.models.fields.texts import longest
from integrations.services.rows import remembered
from integrations.services.rows.plain_rows import insert_objects


@dataclass(frozen=True)
class Actor:
    """The person, system or process that acts. `user` is set only for staff, and `address` is empty at the shell."""

    name: str
    user: AbstractBaseUser | None = None
    address: str = ""

    @property
    def stored_name(self) -> str:
        """The name that rows store."""
        return self.name[: longest(AuditEvent, "actor_name")]

    @classmethod
    def api_key(cls, name: str, *, address: str) -> "Actor":
        return cls(f"{ACTOR_PREFIXES[ActorKind.API_KEY]}{name}", address=address)

    @classmethod
    def shell(cls, name: str) -> "Actor":
        return cls(f"{ACTOR_PREFIXES[ActorKind.SHELL]}{name}")


# Finds the names one after the other: each step reads the next name in an index. On both databases, that index is
# sorted by character code, not by the rules of a language.
_ACTORS = """
WITH RECURSIVE actor (name) AS (
    SELECT (SELECT actor_name FROM integrations_auditevent ORDER BY actor_name {in_order} LIMIT 1)
    UNION ALL
    SELECT (SELECT actor_name FROM integrations_auditevent WHERE actor_name {after} actor.name
            ORDER BY actor_name {in_order} LIMIT 1)
    FROM actor WHERE name IS NOT NULL
)
SELECT name, (SELECT id FROM integrations_auditevent WHERE actor_name {since} actor.name
              ORDER BY actor_name {in_order} LIMIT 1)
FROM actor WHERE name IS NOT NULL"""
_OPERATORS = {
    "sqlite": {"after": ">", "since": ">=", "in_order": ""},
    "postgresql": {"after": "~>~", "since": "~>=~", "in_order": "USING ~<~"},
}

# A plain string stands for a subject without a row or an organisation.
Subject = Organisation | Outlet | Integration | ApiKey | MessageType | WebhookEndpoint | AlertRecipient | User | str


def record(verb: Verb, subject: Subject, *, actor: Actor, **detail: Any) -> AuditEvent:
    """Store and return one audit event about `subject`. `detail` is stored as JSON and must not contain a secret."""
    event = _event(verb, subject, actor, detail)
    event.save(force_insert=True)
    remembered.forget_on_commit()
    return event


def record_many(verb: Verb, entries: Iterable[tuple[Subject, Mapping[str, Any]]], *, actor: Actor) -> None:
    """Store one audit event for each pair of subject and detail. Use this if a transaction changes thousands of rows.

    On SQLite, this blocks other writers for a shorter time than separate calls of `record` would.
    """
    insert_objects([_event(verb, subject, actor, detail) for subject, detail in entries])
    remembered.forget_on_commit()


def actors_called(text: str) -> dict[str, int]:
    """Return the actors' names that contain `text` (ignoring case), each with the primary key of one of their events.

    The query reads an index once for each name, not once for each event.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ACTORS.format_map(_OPERATORS[connection.vendor]))
        return {name: pk for name, pk in cursor.fetchall() if text.casefold() in name.casefold()}


def _event(verb: Verb, subject: Subject, actor: Actor, detail: Mapping[str, Any]) -> AuditEvent:
    integration = subject if isinstance(subject, Integration) else None
    outlet = integration.outlet if integration else subject if isinstance(subject, Outlet) else None
    organisation = subject if isinstance(subject, Organisation) else None
    owner = outlet or (subject if isinstance(subject, ApiKey | WebhookEndpoint | AlertRecipient) else None)
    return AuditEvent(
        verb=verb,
        actor_id=actor.user.pk if actor.user else None,
        actor_name=actor.stored_name,
        address=actor.address,
        organisation_id=owner.organisation_id if owner else organisation.pk if organisation else None,
        outlet_id=outlet.pk if outlet else None,
        integration_id=integration.pk if integration else None,
        subject=str(subject),
        detail=dict(detail),
    )
