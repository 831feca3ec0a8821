"""An integration's secrets: add, rotate with an overlap, retire."""

from django.db import IntegrityError, transaction

from integrations.models import Credential, Integration
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.fields.texts import complaint_about
from integrations.models.outlet import is_plain
from integrations.security import secret_digests
from integrations.security.secret_digests import MAX_SECRET_LENGTH, MIN_ADOPTED_LENGTH, Digest, SecretKind
from integrations.services import life_cycle, wake
from integrations.services.audit import Actor, record
from integrations.services.connections.errors import MistypedSecret
from integrations.services.errors import InvalidValue
from integrations.services.handover import links as handover_links
from integrations.services.handover.handover import HandOver
from integrations.services.integration import demo_secrets
from integrations.services.integration.errors import SecretTaken, WeakSecret
from integrations.services.keys import keys
from integrations.services.overlaps import OVERLAPS
from integrations.text.characters import hidden_within, trimmed


def rotate_secret(integration: Integration, *, overlap: str = "0", seen: str = "", actor: Actor) -> HandOver:
    """Replace the secret and return the new one, this once. See life_cycle.supersede for `seen` and what this raises.

    Without an overlap the tokens of the old secret are void, and the socket that it opened is closed.
    """
    secret = secret_digests.generate(SecretKind.POS_SECRET)
    digest = digest_of(secret)
    with transaction.atomic():
        integration = integration.locked()
        old: Credential = life_cycle.supersede(integration, overlap=overlap, seen=seen)
        if OVERLAPS[overlap]:
            _changed(integration)
        else:
            void_tokens(integration)
        handover_links.take_back([integration], reason="the secret was rotated", actor=actor)
        add_credential(integration, digest, actor=actor)
        record(
            Verb.SECRET_ROTATED,
            integration,
            actor=actor,
            overlap=overlap,
            shown=digest.shown,
            replaced=old.shown,
        )
        demo_secrets.keep_on_commit(integration.outlet.provider_outlet_id, AuthSecret=secret)
    return HandOver.of(integration, secret)


@transaction.atomic
def end_overlap(integration: Integration, *, actor: Actor) -> None:
    """Retire the older secret now; a socket that it opened is closed. Raises NoOverlap."""
    integration = integration.locked()
    life_cycle.end_overlap(integration, verb=Verb.OVERLAP_ENDED, actor=actor)
    _changed(integration)


def digest_of(secret: str) -> Digest:
    """Return what is to be stored of a POS secret. Raises WeakSecret, InvalidValue, SecretTaken or MistypedSecret.

    An adopted one that this portal (or one before it) generated keeps its fast digest. Hidden characters at its ends
    are not part of it.
    """
    secret = trimmed(secret)
    keys.choose_before_writing()
    if canonical := recognise(secret):
        if Credential.objects.filter(digest__in=secret_digests.keyed_digests(canonical)).exists():
            raise SecretTaken
        return secret_digests.digest_generated(SecretKind.POS_SECRET, canonical)
    if Credential.objects.filter(fingerprint__in=secret_digests.adopted_fingerprints(secret)).exists():
        raise SecretTaken
    return secret_digests.digest_adopted(secret)


def recognise(secret: str) -> str | None:
    """Return the canonical form of a generated secret, None for another's that may be adopted; costs no hashing.

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


def add_credential(integration: Integration, digest: Digest, *, actor: Actor) -> Credential:
    """Store a digest as the integration's current credential. Raises SecretTaken."""
    try:
        with transaction.atomic():
            credential = credential_of(integration, digest, actor=actor)
            credential.save(force_insert=True)
    except IntegrityError as error:
        raise SecretTaken from error
    return credential


def credential_of(integration: Integration, digest: Digest, *, actor: Actor) -> Credential:
    """Return a digest as the integration's current credential, not stored yet."""
    return Credential(
        integration=integration,
        algorithm=digest.algorithm,
        digest=digest.value,
        fingerprint=digest.fingerprint,
        key_id=digest.key_id,
        shown=digest.shown,
        bits=digest.bits,
        made_by=actor.name[:200],
    )


def void_tokens(integration: Integration) -> None:
    """Save the integration under a new generation, and close what the old one opened once this is committed."""
    integration.generation += 1
    _changed(integration)


def _changed(integration: Integration) -> None:
    integration.changed_at = shared_now()
    integration.save()
    wake.on_commit(integration.pk)


def _check_adopted(secret: str) -> None:
    if len(secret) < MIN_ADOPTED_LENGTH:
        raise WeakSecret(f"This secret is too short to adopt: at least {MIN_ADOPTED_LENGTH} characters are needed.")
    if hidden := hidden_within(secret):
        raise InvalidValue("adopted_secret", complaint_about(hidden))
    if len(secret) > MAX_SECRET_LENGTH or not is_plain(secret):
        raise InvalidValue(
            "adopted_secret",
            f"A secret has up to {MAX_SECRET_LENGTH} characters, none of them a control character.",
        )
