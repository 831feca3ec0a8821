"""The life cycle of a webhook endpoint: create, change, rotate its secret, disable, enable, test and delete.

`replay` sends an event again.
"""

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.views.decorators.debug import sensitive_variables

from integrations.models import Delivery, Notice, Organisation, WebhookEndpoint
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.notices.notice import NoticeKind
from integrations.models.notices.webhook import DeliveryState
from integrations.security.sealing import seal
from integrations.services import life_cycle
from integrations.services.audit import Actor, record
from integrations.services.errors import InvalidValue, PortalError, refuse_if
from integrations.services.keys import keys
from integrations.services.notices import mailing, outbox, signing
from integrations.services.notices.addresses import check_url
from integrations.services.notices.errors import WebhookDisabled, WebhookEnabled, WebhookExists
from integrations.services.outlets.outlets import check_form
from integrations.services.reasons import required_reason

SUBSCRIBABLE = tuple(kind for kind in NoticeKind if kind is not NoticeKind.TEST)
PORTAL = Actor("the portal")


@sensitive_variables("secret")
@transaction.atomic
def create_endpoint(
    name: str, *, url: str, kinds: Sequence[str], organisation: Organisation | None = None, actor: Actor
) -> tuple[WebhookEndpoint, str]:
    """Create an endpoint and return it with its secret. Without `organisation`, it gets events of all organisations.

    Raises InvalidValue or WebhookExists.
    """
    keys.choose_before_writing()
    secret = signing.new_secret()
    endpoint = WebhookEndpoint(
        name=name,
        url=url,
        kinds=_checked(kinds),
        organisation=organisation,
        sealed_secret=seal(secret, purpose=signing.PURPOSE),
        secret_created_at=shared_now(),
    )
    _save_endpoint(endpoint)
    record(Verb.WEBHOOK_CREATED, endpoint, actor=actor, url=_host_of(url), events=endpoint.kinds)
    return endpoint, secret


@transaction.atomic
def change_endpoint(endpoint: WebhookEndpoint, *, url: str, kinds: Sequence[str], actor: Actor) -> None:
    """Change an endpoint's URL and events. Raises InvalidValue."""
    endpoint = endpoint.locked()
    before = (_host_of(endpoint.url), endpoint.kinds)
    endpoint.paused_until = endpoint.paused_until if endpoint.url == url else None
    endpoint.url, endpoint.kinds = url, _checked(kinds)
    _save_endpoint(endpoint)
    record(
        Verb.WEBHOOK_CHANGED,
        endpoint,
        actor=actor,
        url={"before": before[0], "after": _host_of(url)},
        events={"before": ", ".join(before[1]), "after": ", ".join(endpoint.kinds)},
    )


@sensitive_variables("secret")
@transaction.atomic
def rotate_endpoint(endpoint: WebhookEndpoint, *, overlap: str = "0", seen: str = "", actor: Actor) -> str:
    """Replace the secret and return the new one. During `overlap`, each message is signed with both secrets.

    See life_cycle.supersede for `seen` and for the errors raised.
    """
    endpoint = endpoint.locked()
    life_cycle.supersede(endpoint, overlap=overlap, seen=seen)
    keys.choose_before_writing()
    secret = signing.new_secret()
    endpoint.sealed_secret, endpoint.secret_created_at = seal(secret, purpose=signing.PURPOSE), shared_now()
    endpoint.save()
    record(Verb.WEBHOOK_ROTATED, endpoint, actor=actor, overlap=overlap)
    return secret


@transaction.atomic
def end_endpoint_overlap(endpoint: WebhookEndpoint, *, actor: Actor) -> None:
    """Delete the old secret immediately. Raises NoOverlap."""
    life_cycle.end_overlap(endpoint.locked(), verb=Verb.WEBHOOK_OVERLAP_ENDED, actor=actor)


def obstacle_to_disabling(endpoint: WebhookEndpoint) -> PortalError | None:
    """Return why an endpoint cannot be disabled now, or None."""
    return None if endpoint.is_enabled else WebhookDisabled("The webhook endpoint is already disabled.")


def obstacle_to_enabling(endpoint: WebhookEndpoint) -> PortalError | None:
    """Return why an endpoint cannot be enabled now, or None."""
    return WebhookEnabled() if endpoint.is_enabled else None


def obstacle_to_sending(endpoint: WebhookEndpoint) -> PortalError | None:
    """Return why an endpoint cannot get an event now, or None."""
    return None if endpoint.is_enabled else WebhookDisabled()


@transaction.atomic
def disable_endpoint(endpoint: WebhookEndpoint, *, reason: str, actor: Actor) -> None:
    """Disable an endpoint. It gets no events, and none are stored for it. Raises WebhookDisabled or InvalidValue."""
    reason = required_reason(reason)
    endpoint = endpoint.locked()
    refuse_if(obstacle_to_disabling(endpoint))
    endpoint.is_enabled, endpoint.disabled_reason, endpoint.disabled_at = False, reason, shared_now()
    endpoint.save()
    record(Verb.WEBHOOK_DISABLED, endpoint, actor=actor, reason=reason)


@transaction.atomic
def disable_failing(endpoint: WebhookEndpoint, *, reason: str) -> None:
    """Disable a failing endpoint on behalf of the portal, and notify the alert recipients by e-mail."""
    disable_endpoint(endpoint, reason=reason, actor=PORTAL)
    page = mailing.link("webhookendpoint", endpoint)
    mailing.write(
        endpoint.organisation_id,
        subject=f"Webhook endpoint “{endpoint}” is disabled",
        body=f"{reason}\n\nIt will get no more events until you enable it again:\n{page}",
    )


@transaction.atomic
def enable_endpoint(endpoint: WebhookEndpoint, *, actor: Actor) -> None:
    """Resume sending to an endpoint, including its pending deliveries. Raises WebhookEnabled."""
    endpoint = endpoint.locked()
    refuse_if(obstacle_to_enabling(endpoint))
    endpoint.is_enabled, endpoint.disabled_reason, endpoint.disabled_at = True, "", None
    endpoint.failing_since = endpoint.paused_until = None
    endpoint.save()
    record(Verb.WEBHOOK_ENABLED, endpoint, actor=actor)


@transaction.atomic
def delete_endpoint(endpoint: WebhookEndpoint, *, actor: Actor) -> None:
    """Delete an endpoint with its secrets and its deliveries. The events stay in the event log."""
    outbox.lock_log()
    endpoint = endpoint.locked()
    record(Verb.WEBHOOK_DELETED, endpoint, actor=actor, url=_host_of(endpoint.url))
    endpoint.delete()


@transaction.atomic
def send_test(endpoint: WebhookEndpoint, *, actor: Actor) -> Delivery:
    """Queue a test event for immediate delivery, and end a pause asked for by the receiver. Raises WebhookDisabled."""
    outbox.lock_log()
    endpoint = endpoint.locked()
    refuse_if(obstacle_to_sending(endpoint))
    _end_pause(endpoint)
    now, organisation = shared_now(), endpoint.organisation
    named = {"id": organisation.pk, "name": organisation.name} if organisation else None
    notice = Notice.objects.create(
        kind=NoticeKind.TEST,
        subject=endpoint.pk,
        at=now,
        organisation=organisation,
        data={"organisation": named, "endpoint": endpoint.name, "sent_by": actor.name},
    )
    record(Verb.WEBHOOK_TESTED, endpoint, actor=actor)
    return Delivery.objects.create(notice=notice, endpoint=endpoint, next_at=now)


@transaction.atomic
def replay(delivery: Delivery, *, actor: Actor) -> None:
    """Queue an event for immediate redelivery with the same webhook-id. Raises WebhookDisabled.

    The tries are counted from zero again. A pause that the receiver asked for ends.
    """
    endpoint = delivery.endpoint.locked()
    refuse_if(obstacle_to_sending(endpoint))
    _end_pause(endpoint)
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.PENDING, tries=0, next_at=shared_now(), ended_at=None
    )
    record(Verb.WEBHOOK_REPLAYED, endpoint, actor=actor, event=delivery.notice.kind, id=delivery.notice.webhook_id)


def _end_pause(endpoint: WebhookEndpoint) -> None:
    if endpoint.paused_until is not None:
        endpoint.paused_until = None
        endpoint.save(update_fields=["paused_until"])


def _checked(kinds: Sequence[str]) -> list[str]:
    chosen = [kind.value for kind in SUBSCRIBABLE if kind in kinds]
    if not chosen or len(chosen) != len(set(kinds)):
        raise InvalidValue("kinds", "Choose at least one of the events.")
    return chosen


def _save_endpoint(endpoint: WebhookEndpoint) -> None:
    check_form(endpoint)
    check_url(endpoint.url)
    try:
        with transaction.atomic():
            endpoint.save()
    except IntegrityError as error:
        raise WebhookExists from error


def _host_of(url: str) -> str:
    """Return the URL without its query, which may contain a secret of the receiver."""
    return url.partition("?")[0]
