"""The secrets of integrations: generate, adopt and rotate them, and end an overlap."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from integrations.models import Credential, Integration
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.fields.texts import complaint_about
from integrations.models.outlet import is_plain
from integrations.security import secret_digests
from integrations.security.secret_digests import (
    MAX_SECRET_LENGTH,
    MIN_ADOPTED_BITS,
    MIN_ADOPTED_LENGTH,
    Digest,
    SecretKind,
)
from integrations.services import life_cycle
from integrations.services.audit import Actor, record, record_many
from integrations.services.connections.errors import MistypedSecret
from integrations.services.errors import InvalidValue, PortalError, refuse_if
from integrations.services.handover import links as handover_links
from integrations.services.handover.handover import HandOver
from integrations.services.integration import demo_secrets
from integrations.services.integration.errors import NewSecretInUse, SecretTaken, WeakSecret
from integrations.services.integration.update_statement import VOID_TOKENS, change_integrations
from integrations.services.keys import keys
from integrations.services.overlaps import OVERLAPS
from integrations.services.rows.chunks import chunks
from integrations.services.rows.plain_rows import insert_objects
from integrations.text.characters import hidden_within, trimmed


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret for an integration, and its digest. Only the digest is stored, so `plain` must be shown now."""

    digest: Digest
    is_adopted: bool
    plain: str = field(repr=False)


@sensitive_variables()
def new_secret(adopted_secret: str | None) -> NewSecret:
    """Adopt this secret, or generate one if it is None. See adopt_secret for the duration and the errors."""
    return generate_secret() if adopted_secret is None else adopt_secret(adopted_secret)


@sensitive_variables()
def generate_secret() -> NewSecret:
    """Return a new random secret."""
    keys.choose_before_writing()
    secret = secret_digests.generate(SecretKind.POS_SECRET)
    return NewSecret(secret_digests.digest_generated(SecretKind.POS_SECRET, secret), is_adopted=False, plain=secret)


@sensitive_variables()
def adopt_secret(secret: str) -> NewSecret:
    """Return a NewSecret for a secret that PowerEPOS has already. Hashing may take 100 ms.

    Raises WeakSecret, InvalidValue, SecretTaken or MistypedSecret.
    """
    return NewSecret(_digest_of_adopted(secret), is_adopted=True, plain=trimmed(secret))


@sensitive_variables()
def store_secrets(new: Sequence[tuple[Integration, NewSecret]], *, actor: Actor) -> None:
    """Store each secret as the current one of its integration. Raises IntegrityError."""
    insert_objects([_credential_of(integration, secret.digest, actor) for integration, secret in new])


@sensitive_variables()
def rotate_secret(integration: Integration, *, overlap: str = "0", seen: str = "", actor: Actor) -> HandOver:
    """Replace the secret and return the new one, which cannot be read again.

    See life_cycle.check_rotation for `seen` and the errors raised.

    Without an overlap, the tokens of the old secret become void and the socket that they opened is closed.
    """
    secret = generate_secret()
    with transaction.atomic():
        integration = integration.locked()
        life_cycle.check_rotation(integration, seen=seen)
        return rotate_secrets([(integration, secret)], overlap=overlap, actor=actor)[0]


@sensitive_variables()
def rotate_secrets(new: Sequence[tuple[Integration, NewSecret]], *, overlap: str = "0", actor: Actor) -> list[HandOver]:
    """Replace the secrets of integrations and return the new ones.

    The rows of the integrations must be locked, and none may have a running overlap.
    """
    integrations = [integration for integration, _ in new]
    replaced = _supersede(integrations, overlap)
    change_integrations(integrations, **({} if OVERLAPS[overlap] else VOID_TOKENS))
    handover_links.revoke_links_to(integrations, reason="the secret was rotated", actor=actor)
    store_secrets(new, actor=actor)
    details = [
        (integration, {"overlap": overlap, "shown": secret.digest.shown, "replaced": replaced[integration.pk]})
        for integration, secret in new
    ]
    record_many(Verb.SECRET_ROTATED, details, actor=actor)
    for integration, secret in new:
        demo_secrets.keep_on_commit(integration.outlet.provider_outlet_id, AuthSecret=secret.plain)
    return [HandOver.of(integration, secret.plain) for integration, secret in new]


def obstacle_to_replacement(integration: Integration) -> PortalError | None:
    """Return why the new secret of an overlap cannot be replaced now, or None."""
    if obstacle := life_cycle.obstacle_to_ending(integration):
        return obstacle
    return NewSecretInUse() if integration.current_credential().last_used_at else None


@sensitive_variables()
def replace_unused_secret(integration: Integration, *, seen: str = "", actor: Actor) -> HandOver:
    """Replace the new secret of an overlap, if no POS has used it yet, and return the replacement, to show it once.

    The end of the overlap does not change. Until then, the old secret stays valid, so the POS stays connected. See
    life_cycle.check_seen for `seen`. Raises StalePage, NoOverlap or NewSecretInUse.
    """
    secret = generate_secret()
    with transaction.atomic():
        integration = integration.locked()
        unused = integration.current_credential()
        life_cycle.check_seen(unused, seen)
        refuse_if(obstacle_to_replacement(integration))
        Credential.objects.filter(pk=unused.pk).retire(shared_now(), reason="replaced before its first use")
        handover_links.revoke_links_to([integration], reason="the secret was replaced", actor=actor)
        change_integrations([integration])
        store_secrets([(integration, secret)], actor=actor)
        detail = {"shown": secret.digest.shown, "replaced": unused.shown}
        record(Verb.UNUSED_SECRET_REPLACED, integration, actor=actor, **detail)
        demo_secrets.keep_on_commit(integration.outlet.provider_outlet_id, AuthSecret=secret.plain)
        return HandOver.of(integration, secret.plain)


@transaction.atomic
def end_overlap(integration: Integration, *, actor: Actor) -> None:
    """Retire the old secret now and close the socket that it opened. Raises NoOverlap."""
    integration = integration.locked()
    life_cycle.end_overlap(integration, verb=Verb.OVERLAP_ENDED, actor=actor)
    change_integrations([integration])


@sensitive_variables()
def _digest_of_adopted(secret: str) -> Digest:
    """Trim hidden characters from the ends of a secret to adopt, and return its digest.

    If a portal generated the secret, the fast digest is enough.
    """
    keys.choose_before_writing()
    if canonical := recognise(secret):
        if Credential.objects.filter(digest__in=secret_digests.keyed_digests(canonical)).exists():
            raise SecretTaken
        return secret_digests.digest_generated(SecretKind.POS_SECRET, canonical)
    secret = trimmed(secret)
    if Credential.objects.filter(fingerprint__in=secret_digests.adopted_fingerprints(secret)).exists():
        raise SecretTaken
    return secret_digests.digest_adopted(secret)


def recognise(secret: str) -> str | None:
    """Return the canonical form of a generated secret, or None for any other acceptable secret; hashes nothing.

    Raises WeakSecret, InvalidValue or MistypedSecret.
    """
    secret = trimmed(secret)
    try:
        canonical = secret_digests.recognise(SecretKind.POS_SECRET, secret)
    except secret_digests.WrongChecksum as error:
        raise MistypedSecret from error
    if canonical is None:
        _check_adopted(secret)
    return canonical


def _supersede(integrations: Sequence[Integration], overlap: str) -> dict[int, str]:
    """Keep the current secrets valid for `overlap`; return the visible prefix of each integration's secret."""
    now = shared_now()
    replaced: dict[int, str] = {}
    for part in chunks(integrations):
        current = Credential.objects.filter(integration__in=part, is_current=True)
        replaced |= dict(current.values_list("integration_id", "shown"))
        current.supersede(now, OVERLAPS[overlap])
    return replaced


def _credential_of(integration: Integration, digest: Digest, actor: Actor) -> Credential:
    return Credential(
        integration=integration,
        algorithm=digest.algorithm,
        digest=digest.value,
        fingerprint=digest.fingerprint,
        key_id=digest.key_id,
        shown=digest.shown,
        bits=digest.bits,
        created_by=actor.stored_name,
    )


def _check_adopted(secret: str) -> None:
    if len(secret) < MIN_ADOPTED_LENGTH:
        raise WeakSecret(f"This secret is too short to adopt: at least {MIN_ADOPTED_LENGTH} characters are needed.")
    if _is_common(secret):
        raise WeakSecret
    if hidden := hidden_within(secret):
        raise InvalidValue("adopted_secret", complaint_about(hidden))
    if len(secret) > MAX_SECRET_LENGTH or not is_plain(secret):
        raise InvalidValue(
            "adopted_secret",
            f"A secret has up to {MAX_SECRET_LENGTH} characters, none of them a control character.",
        )
    if secret_digests.estimate_bits(secret) < MIN_ADOPTED_BITS:
        raise WeakSecret("This secret repeats so few characters that it could be guessed at once.")


@sensitive_variables()
def _is_common(secret: str) -> bool:
    """Return whether Django's list of 20,000 common passwords has this secret, in any letter case."""
    try:
        _common_passwords().validate(secret)
    except ValidationError:
        return True
    return False


@cache  # reading the list takes about 50 ms
def _common_passwords() -> CommonPasswordValidator:
    return CommonPasswordValidator()
