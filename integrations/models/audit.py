from datetime import datetime
from typing import Any, NoReturn

from django.conf import settings
from django.db import models

from integrations.models.clock import shared_now
from integrations.models.integration import Integration
from integrations.models.outlet import Organisation, Outlet


class AuditRowIsFinal(TypeError):
    """Raised when code tries to change or delete an audit event."""


class ActorKind(models.TextChoices):
    """Who acted. The values are part of the webhook protocol (docs/webhooks.md) and never change."""

    STAFF = "staff"
    API_KEY = "api_key"
    SHELL = "shell"
    PORTAL = "portal"


# The prefixes that `actor_name` has for API keys and for people at the shell. Events of staff have an `actor` instead.
ACTOR_PREFIXES = {ActorKind.API_KEY: "API key: ", ActorKind.SHELL: "shell: "}


class Verb(models.TextChoices):
    """The kinds of audit events; each label completes a sentence that begins with the actor."""

    ORGANISATION_CREATED = "organisation_created", "created the organisation"
    ORGANISATION_CHANGED = "organisation_changed", "changed the organisation"
    ORGANISATION_DELETED = "organisation_deleted", "deleted the organisation"
    OUTLET_CREATED = "outlet_created", "created the outlet"
    OUTLET_CHANGED = "outlet_changed", "changed the outlet"
    OUTLET_DELETED = "outlet_deleted", "deleted the outlet"
    ENABLED = "enabled", "enabled Order N Pay"
    SECRET_ADOPTED = "secret_adopted", "adopted a secret"
    SECRET_ROTATED = "secret_rotated", "rotated the secret"
    UNUSED_SECRET_REPLACED = "unused_secret_replaced", "replaced the new secret before its first use"
    OVERLAP_ENDED = "overlap_ended", "ended the overlap of the old secret"
    DISABLED = "disabled", "disabled the integration"
    REENABLED = "reenabled", "enabled the integration again"
    POS_REMOTE_ID_CHANGED = "pos_remote_id_changed", "changed the POSRemoteID"
    API_KEY_CREATED = "api_key_created", "created the API key"
    API_KEY_CHANGED = "api_key_changed", "changed the access of the API key"
    API_KEY_ROTATED = "api_key_rotated", "rotated the API key"
    API_KEY_OVERLAP_ENDED = "api_key_overlap_ended", "ended the overlap of the API key's old secret"
    API_KEY_RETIRED = "api_key_retired", "retired the API key"
    MESSAGE_TYPE_CREATED = "message_type_created", "added the message type"
    MESSAGE_TYPE_CHANGED = "message_type_changed", "changed the message type"
    PERSON_ADDED = "person_added", "added the person"
    PERSON_CHANGED = "person_changed", "changed the person's role or access"
    PASSWORD_SET = "password_set", "set the person's password"
    WEBHOOK_CREATED = "webhook_created", "created the webhook endpoint"
    WEBHOOK_CHANGED = "webhook_changed", "changed the webhook endpoint"
    WEBHOOK_ROTATED = "webhook_rotated", "rotated the webhook endpoint's secret"
    WEBHOOK_OVERLAP_ENDED = "webhook_overlap_ended", "ended the overlap of the webhook endpoint's old secret"
    WEBHOOK_DISABLED = "webhook_disabled", "disabled the webhook endpoint"
    WEBHOOK_ENABLED = "webhook_enabled", "enabled the webhook endpoint again"
    WEBHOOK_DELETED = "webhook_deleted", "deleted the webhook endpoint"
    WEBHOOK_TESTED = "webhook_tested", "sent a test event to the webhook endpoint"
    WEBHOOK_REPLAYED = "webhook_replayed", "sent an event again to the webhook endpoint"
    RECIPIENT_ADDED = "recipient_added", "added the alert recipient"
    RECIPIENT_CHANGED = "recipient_changed", "changed the alert recipient"
    RECIPIENT_REMOVED = "recipient_removed", "removed the alert recipient"
    BULK_CONFIRMED = "bulk_confirmed", "confirmed a bulk action"
    BULK_DOWNLOADED = "bulk_downloaded", "downloaded the new secrets of a bulk action"
    LINK_CREATED = "handover_link_made", "created a one-time hand-over link"
    LINK_OPENED = "handover_link_opened", "opened the one-time hand-over link"
    LINK_REVOKED = "handover_link_taken_back", "revoked the one-time hand-over link"
    LINK_EXPIRED = "handover_link_expired", "expired the unopened one-time hand-over link"
    LINK_FAILED = "handover_link_failed", "blocked the one-time hand-over link with wrong passphrases"
    POS_ASKED = "pos_asked", "asked the POS"
    REQUEST_CANCELLED = "request_cancelled", "cancelled a request to the POS"
    WAIT_ENDED = "wait_ended", "ended the wait of the POS"
    POS_DISCONNECTED = "pos_disconnected", "disconnected the POS"
    OUTLET_CHECKED = "outlet_checked", "checked the outlet with a request to its POS"
    SIGNED_IN = "signed_in", "signed in"
    SIGN_IN_REFUSED = "sign_in_refused", "was refused sign-in"
    SESSIONS_ENDED = "sessions_ended", "ended their other sessions"
    FACTOR_ADDED = "factor_added", "added a second factor"
    FACTOR_REMOVED = "factor_removed", "removed a second factor"
    RECOVERY_CODES_CREATED = "recovery_codes_made", "created new recovery codes"
    FACTORS_RESET = "factors_reset", "reset the person's second factors"
    IDENTITY_LINKED = "identity_linked", "linked an OpenID Connect identity"
    IDENTITY_UNLINKED = "identity_unlinked", "unlinked an OpenID Connect identity"
    PRUNED = "pruned", "pruned old records"


class AuditQuerySet(models.QuerySet["AuditEvent"]):
    def update(self, **_values: Any) -> NoReturn:
        raise AuditRowIsFinal("An audit event cannot be changed.")

    def delete(self) -> NoReturn:
        raise AuditRowIsFinal("An audit event cannot be deleted.")

    def bulk_create(self, *_rows: Any, **_options: Any) -> NoReturn:
        raise AuditRowIsFinal("Write audit events with record or record_many of services.audit.")

    def about(self, name: str, *, verbs: str) -> "AuditQuerySet":
        """Return the events whose `subject` is this name and whose verbs begin with `verbs`.

        Use this only for rows that are never renamed, and that events refer to by name only. If a deleted row's
        name is used again, both rows share the events.
        """
        return self.filter(verb__in=[verb for verb in Verb if verb.startswith(verbs)], subject=name)

    def bulk_update(self, *_rows: Any, **_options: Any) -> NoReturn:
        raise AuditRowIsFinal("An audit event cannot be changed.")

    def forget(self, *, before: datetime, limit: int) -> int:
        """Delete up to `limit` of the oldest events before a time; return their number. For retention only."""
        oldest = self.filter(at__lt=before).order_by("at").values_list("pk", flat=True)[:limit]
        return models.QuerySet.delete(self.filter(pk__in=list(oldest)))[0]


def verbs() -> list[tuple[str, str]]:
    """Return the choices of AuditEvent.verb. Because this is a function, a new choice needs no migration."""
    return Verb.choices


class AuditEvent(models.Model):
    """Who did what, when and from where. Stored in the same transaction as the action; contains no secret.

    The references have no database constraint, because an event outlives the row that it is about. `subject` names that
    row.
    """

    at = models.DateTimeField(default=shared_now, editable=False, db_index=True)
    verb = models.CharField(max_length=32, choices=verbs)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    actor_name = models.CharField(max_length=200)
    address = models.CharField(max_length=45, blank=True)
    organisation = models.ForeignKey(
        Organisation, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="audit_events"
    )
    outlet = models.ForeignKey(
        Outlet, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="audit_events"
    )
    integration = models.ForeignKey(
        Integration, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="audit_events"
    )
    subject = models.CharField(max_length=420)
    detail = models.JSONField(default=dict)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ("-at", "-id")
        indexes = [  # audit events are few, so these indexes cost little
            models.Index(fields=["organisation", "-at"], name="audit_of_organisation"),
            models.Index(fields=["outlet", "-at"], name="audit_of_outlet"),
            models.Index(fields=["integration", "-at"], name="audit_of_integration"),
            models.Index(fields=["verb", "-at"], name="audit_verb"),
            models.Index(fields=["actor_name", "-at"], opclasses=["varchar_pattern_ops", ""], name="audit_actor"),
            models.Index(fields=["subject", "-at"], opclasses=["varchar_pattern_ops", ""], name="audit_subject"),
            models.Index(fields=["address", "-at"], opclasses=["varchar_pattern_ops", ""], name="audit_address"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.get_verb_display()}: {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AuditRowIsFinal("An audit event cannot be changed.")
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise AuditRowIsFinal("An audit event cannot be deleted.")

    @property
    def actor_kind(self) -> ActorKind:
        if self.actor_id is not None:
            return ActorKind.STAFF
        named = (kind for kind, prefix in ACTOR_PREFIXES.items() if self.actor_name.startswith(prefix))
        return next(named, ActorKind.PORTAL)
