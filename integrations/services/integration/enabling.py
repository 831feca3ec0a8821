"""Enable, disable and re-enable outlets, and correct a POSRemoteID."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.views.decorators.debug import sensitive_variables

from integrations.models import Integration, Outlet, Presence
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.services.audit import Actor, record, record_many
from integrations.services.errors import InvalidValue, PortalError, refuse_if
from integrations.services.handover import links as handover_links
from integrations.services.handover.handover import HandOver
from integrations.services.integration import demo_secrets, pos_secrets
from integrations.services.integration.errors import (
    AlreadyDisabled,
    AlreadyEnabled,
    NotDisabled,
    PosRemoteIdTaken,
    SecretTaken,
)
from integrations.services.integration.pairings import holders_of
from integrations.services.integration.pos_secrets import NewSecret
from integrations.services.integration.update_statement import VOID_TOKENS, change_integrations
from integrations.services.outlets.outlets import check_form
from integrations.services.reasons import plain_reason, required_reason
from integrations.services.rows.plain_rows import insert_objects, insert_with_keys
from integrations.text.characters import identity


@sensitive_variables()
def enable_outlet(outlet: Outlet, *, pos_remote_id: str, adopted_secret: str | None = None, actor: Actor) -> HandOver:
    """Enable an outlet for PowerEPOS and return the values that both sides need; the secret cannot be read again.

    With `adopted_secret` the integration takes over a secret that PowerEPOS has already. Raises AlreadyEnabled,
    InvalidValue, PosRemoteIdTaken, SecretTaken, WeakSecret or MistypedSecret.
    """
    # Hash before the transaction, because hashing is slow, and a transaction blocks other writers.
    secret = pos_secrets.new_secret(adopted_secret)
    return enable_with(outlet, secret, pos_remote_id=pos_remote_id, actor=actor)


@sensitive_variables()
def enable_with(outlet: Outlet, secret: NewSecret, *, pos_remote_id: str, actor: Actor) -> HandOver:
    """Enable an outlet with a secret that pos_secrets.new_secret returned.

    Raises AlreadyEnabled, InvalidValue, PosRemoteIdTaken or SecretTaken.
    """
    integration = Integration(outlet=outlet, pos_remote_id=pos_remote_id, changed_at=shared_now())
    with transaction.atomic():
        _check_new(integration)
        try:
            return enable_outlets([(integration, secret)], actor=actor)[0]
        except IntegrityError as error:  # another outlet was enabled with one of these values after the check
            raise PosRemoteIdTaken if holders_of(integration.pos_remote_id).exists() else SecretTaken from error


@sensitive_variables()
@transaction.atomic
def enable_outlets(new: Sequence[tuple[Integration, NewSecret]], *, actor: Actor) -> list[HandOver]:
    """Store integrations that the caller has checked, each with its secret; return the values of each.

    Raises IntegrityError if, after the check, another row was stored with the same POSRemoteID or secret.
    """
    rows = [row for row, _ in new]
    insert_with_keys(rows, unique="pos_remote_id")
    insert_objects([Presence(integration=row) for row in rows])
    pos_secrets.store_secrets(new, actor=actor)
    enabled = [(row, {"pos_remote_id": row.pos_remote_id, "shown": secret.digest.shown}) for row, secret in new]
    record_many(Verb.ENABLED, enabled, actor=actor)
    adopted = [(row, {"bits": secret.digest.bits}) for row, secret in new if secret.is_adopted]
    record_many(Verb.SECRET_ADOPTED, adopted, actor=actor)
    return [HandOver.of(row, secret.plain) for row, secret in new]


def obstacle_to_disabling(integration: Integration) -> PortalError | None:
    """Return why an integration cannot be disabled now, or None."""
    return None if integration.is_enabled else AlreadyDisabled()


def obstacle_to_reenabling(integration: Integration) -> PortalError | None:
    """Return why an integration cannot be enabled again now, or None."""
    return NotDisabled() if integration.is_enabled else None


@transaction.atomic
def disable(integration: Integration, *, reason: str, actor: Actor) -> None:
    """Refuse the outlet's POS from now on and close its socket. Raises AlreadyDisabled or InvalidValue."""
    disable_many([integration.locked()], reason=reason, actor=actor)


def disable_many(integrations: Sequence[Integration], *, reason: str, actor: Actor) -> None:
    """Disable all of these integrations or none; their rows must be locked. Raises AlreadyDisabled or InvalidValue."""
    for each in integrations:
        refuse_if(obstacle_to_disabling(each))
    reason = required_reason(reason)
    change_integrations(integrations, is_enabled=False, disabled_reason=reason, **VOID_TOKENS)
    handover_links.revoke_links_to(integrations, reason="the integration was disabled", actor=actor)
    record_many(Verb.DISABLED, [(each, {"reason": reason}) for each in integrations], actor=actor)


@transaction.atomic
def reenable(integration: Integration, *, reason: str = "", actor: Actor) -> None:
    """Let the outlet's POS connect again with its current secret. Raises NotDisabled or InvalidValue."""
    reenable_many([integration.locked()], reason=reason, actor=actor)


def reenable_many(integrations: Sequence[Integration], *, reason: str = "", actor: Actor) -> None:
    """Re-enable all of these integrations or none; their rows must be locked. Raises NotDisabled or InvalidValue."""
    for each in integrations:
        refuse_if(obstacle_to_reenabling(each))
    reason = plain_reason(reason)
    change_integrations(integrations, is_enabled=True, disabled_reason="")
    record_many(Verb.REENABLED, [(each, {"reason": reason}) for each in integrations], actor=actor)


@transaction.atomic
def change_pos_remote_id(integration: Integration, *, pos_remote_id: str, actor: Actor) -> None:
    """Correct the POSRemoteID and void the tokens of the old one. Raises InvalidValue or PosRemoteIdTaken."""
    integration = integration.locked()
    before, integration.pos_remote_id = integration.pos_remote_id, pos_remote_id
    check_form(integration)
    after = integration.pos_remote_id
    if before == after:
        raise InvalidValue("pos_remote_id", "The integration already has this POSRemoteID. Enter a different one.")
    if holders_of(after).exclude(pk=integration.pk).exists():
        raise PosRemoteIdTaken
    change_integrations([integration], pos_remote_id=after, match_id=identity(after), **VOID_TOKENS)
    record(Verb.POS_REMOTE_ID_CHANGED, integration, actor=actor, before=before, after=after)
    demo_secrets.keep_on_commit(integration.outlet.provider_outlet_id, POSRemoteID=after)


def _check_new(integration: Integration) -> None:
    """Lock the outlet until the transaction ends. Raise AlreadyEnabled, InvalidValue or PosRemoteIdTaken."""
    # If two people enable the same outlet at the same time, the second one waits here.
    Outlet.objects.select_for_update(no_key=True).get(pk=integration.outlet_id)
    if Integration.objects.filter(outlet=integration.outlet_id).exists():
        raise AlreadyEnabled
    check_form(integration)
    if holders_of(integration.pos_remote_id).exists():
        raise PosRemoteIdTaken
