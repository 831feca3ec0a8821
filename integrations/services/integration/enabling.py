"""Enable an outlet, disable it, enable it again."""

from django.db import transaction

from integrations.models import Integration, Outlet, Presence
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.outlet import is_plain
from integrations.security import secret_digests
from integrations.security.secret_digests import SecretKind
from integrations.services import wake
from integrations.services.audit import Actor, record
from integrations.services.errors import InvalidValue
from integrations.services.handover import links as handover_links
from integrations.services.handover.handover import HandOver
from integrations.services.integration import demo_secrets, pos_secrets
from integrations.services.integration.errors import AlreadyDisabled, AlreadyEnabled, NotDisabled, PosRemoteIdTaken
from integrations.services.integration.pairings import holders_of
from integrations.services.outlets.outlets import check_form
from integrations.text.characters import trimmed


def enable_outlet(outlet: Outlet, *, pos_remote_id: str, adopted_secret: str | None = None, actor: Actor) -> HandOver:
    """Join an outlet to PowerEPOS and return, this once, what both sides must know.

    With `adopted_secret` the integration takes over a secret that PowerEPOS has already. Raises AlreadyEnabled,
    InvalidValue, PosRemoteIdTaken, SecretTaken, WeakSecret or MistypedSecret.
    """
    # Hashing takes its time, so it is done before the transaction that would hold everybody else up.
    secret = secret_digests.generate(SecretKind.POS_SECRET) if adopted_secret is None else trimmed(adopted_secret)
    digest = pos_secrets.digest_of(secret)
    with transaction.atomic():
        integration = _create_integration(outlet, pos_remote_id)
        pos_secrets.add_credential(integration, digest, actor=actor)
        record(Verb.ENABLED, integration, actor=actor, pos_remote_id=integration.pos_remote_id, shown=digest.shown)
        if adopted_secret is not None:
            record(Verb.SECRET_ADOPTED, integration, actor=actor, bits=digest.bits)
    return HandOver.of(integration, secret)


@transaction.atomic
def disable(integration: Integration, *, reason: str, actor: Actor) -> None:
    """Refuse the outlet's POS from now on and close its socket. Raises AlreadyDisabled or InvalidValue."""
    integration = integration.locked()
    if not integration.is_enabled:
        raise AlreadyDisabled
    integration.is_enabled = False
    integration.disabled_reason = plain_reason(reason)
    if not integration.disabled_reason:
        raise InvalidValue("disabled_reason", "Give a reason: it is what your colleagues will see.")
    check_form(integration)
    pos_secrets.void_tokens(integration)
    handover_links.take_back([integration], reason="the integration was disabled", actor=actor)
    record(Verb.DISABLED, integration, actor=actor, reason=integration.disabled_reason)


@transaction.atomic
def reenable(integration: Integration, *, reason: str = "", actor: Actor) -> None:
    """Let the outlet's POS in again, with the secret that it has. Raises NotDisabled."""
    integration = integration.locked()
    if integration.is_enabled:
        raise NotDisabled
    reason = plain_reason(reason)
    integration.is_enabled = True
    integration.disabled_reason = ""
    integration.changed_at = shared_now()
    integration.save()
    wake.on_commit(integration.pk)
    record(Verb.REENABLED, integration, actor=actor, reason=reason)


@transaction.atomic
def change_pos_remote_id(integration: Integration, *, pos_remote_id: str, actor: Actor) -> None:
    """Correct the POSRemoteID; what was paired under the old one is cut. Raises InvalidValue or PosRemoteIdTaken."""
    integration = integration.locked()
    before, integration.pos_remote_id = integration.pos_remote_id, pos_remote_id
    check_form(integration)
    if before == integration.pos_remote_id:
        raise InvalidValue("pos_remote_id", "This is the POSRemoteID that the integration has.")
    if holders_of(integration.pos_remote_id).exclude(pk=integration.pk).exists():
        raise PosRemoteIdTaken
    pos_secrets.void_tokens(integration)
    record(Verb.POS_REMOTE_ID_CHANGED, integration, actor=actor, before=before, after=integration.pos_remote_id)
    demo_secrets.keep_on_commit(integration.outlet.provider_outlet_id, POSRemoteID=integration.pos_remote_id)


def plain_reason(reason: str) -> str:
    """Return a reason without the blanks around it. Raises InvalidValue."""
    reason = reason.strip()
    if reason and not is_plain(reason):
        raise InvalidValue("disabled_reason", "Give the reason in one line, without control characters.")
    return reason


def _create_integration(outlet: Outlet, pos_remote_id: str) -> Integration:
    # Two people enable the same outlet: one after the other.
    Outlet.objects.select_for_update(no_key=True).get(pk=outlet.pk)
    if Integration.objects.filter(outlet=outlet).exists():
        raise AlreadyEnabled
    integration = Integration(outlet=outlet, pos_remote_id=pos_remote_id, changed_at=shared_now())
    check_form(integration)
    if holders_of(integration.pos_remote_id).exists():
        raise PosRemoteIdTaken
    integration.save()
    Presence.objects.create(integration=integration)
    return integration
