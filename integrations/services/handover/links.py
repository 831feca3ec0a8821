"""One-time links that hand over a secret. The recipient can open a link once; when the link ends, the secret is erased.

The link's token has two halves. A digest of the first half finds the link's row. The key that encrypts the secret is
derived from three things: the second half, the passphrase and the server's key. So the link alone does not reveal the
secret, and neither does the database, even together with the settings.
"""

import base64
import hashlib
import secrets
import threading
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from argon2.low_level import Type, hash_secret_raw
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.views.decorators.debug import sensitive_variables

from integrations.models import Credential, HandoverLink, Integration
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.handover_link import LinkState
from integrations.security import keyring
from integrations.security.secret_digests import ALPHABET, estimate_bits
from integrations.services.audit import Actor, record, record_many
from integrations.services.errors import InvalidValue, PortalError, refuse_if
from integrations.services.handover.errors import LinkBusy, LinkEnded, LinkRefused
from integrations.services.handover.handover import HandOver
from integrations.services.handover.link_lifetime import MAX_HOURS
from integrations.services.keys import keys
from integrations.services.rows.chunks import chunks
from integrations.wire.endpoints import HANDOVER_PATH

HALF = 25  # characters of each half of a token: 125 bits
PREFIX = "ONPH"  # lets the redaction recognise a token anywhere in a text
PASSPHRASE_LENGTH = 12  # characters of a generated passphrase; 60 bits suffice, because tries are few
MIN_PASSPHRASE_LENGTH = 10
MAX_PASSPHRASE_LENGTH = 200
MIN_PASSPHRASE_BITS = 40
AT_ONCE = 2  # the most Argon2id hashes computed at the same time for anonymous callers
WAIT_SECONDS = 5.0

_LOOKALIKES = str.maketrans("OIL", "011")
_DUMMY_SALT = bytes(16)
_slots = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class NewLink:
    """A new link. The token and the passphrase exist in this object only, so show them once."""

    link: HandoverLink
    token: str = field(repr=False)
    passphrase: str = field(repr=False)
    is_generated: bool

    @property
    def url(self) -> str:
        """Return the URL for the recipient. Browsers do not send the part after the #, so no proxy logs the token."""
        return f"{page_url()}#{self.token}"


@dataclass(frozen=True)
class Opened:
    """The values that the recipient gets. They cannot be read again."""

    link: HandoverLink
    handover: HandOver


def page_url() -> str:
    return f"{settings.PUBLIC_URL}{HANDOVER_PATH}"


@sensitive_variables()
def check_passphrase(passphrase: str) -> None:
    """Raise InvalidValue if a passphrase is too long or too easy to guess. An empty text is allowed."""
    if not passphrase:
        return
    if len(passphrase) > MAX_PASSPHRASE_LENGTH:
        raise InvalidValue("passphrase", f"Use at most {MAX_PASSPHRASE_LENGTH} characters.")
    if len(passphrase.strip()) < MIN_PASSPHRASE_LENGTH or estimate_bits(passphrase) < MIN_PASSPHRASE_BITS:
        raise InvalidValue(
            "passphrase",
            f"The passphrase is too easy to guess. Use at least {MIN_PASSPHRASE_LENGTH} characters, more if all are "
            "digits or many repeat, or leave it empty to generate one.",
        )


@sensitive_variables()
@transaction.atomic
def create_link(
    credential: Credential, handover: HandOver, *, hours: int, passphrase: str = "", actor: Actor
) -> NewLink:
    """Encrypt a new secret for its recipient and return the link. Raises InvalidValue.

    Call it in the transaction that creates the secret, so both are stored or neither is.
    """
    check_passphrase(passphrase)
    if not 1 <= hours <= MAX_HOURS:
        raise InvalidValue("hours", f"Choose from 1 to {MAX_HOURS} hours.")
    is_generated = not passphrase
    passphrase = passphrase or _grouped(_random(PASSPHRASE_LENGTH), 4)
    token, salt = _random(2 * HALF), secrets.token_bytes(16)
    keys.choose_before_writing()
    link = HandoverLink.objects.create(
        integration=credential.integration,
        credential=credential,
        token_digest=_digest(token),
        salt=salt.hex(),
        sealed=_ciphers(token, _slow(passphrase, salt))[0].encrypt(handover.auth_secret.encode()).decode(),
        created_by=actor.stored_name,
        expires_at=shared_now() + timedelta(hours=hours),
    )
    record(Verb.LINK_CREATED, link.integration, actor=actor, shown=credential.shown, valid_for=f"{hours} h")
    return NewLink(link, f"{PREFIX}-{_grouped(token, 5)}", passphrase, is_generated)


@sensitive_variables()
@transaction.atomic
def create_link_instead(create: Callable[[], HandOver], *, hours: int, passphrase: str = "", actor: Actor) -> NewLink:
    """Call `create`, which creates a secret, and return a link instead of the secret, so staff never see it.

    Raises InvalidValue, or any error of `create`; then nothing is stored.
    """
    check_passphrase(passphrase)
    handover = create()
    integration = Integration.objects.select_related("outlet__organisation").get(pos_remote_id=handover.pos_remote_id)
    return create_link(integration.current_credential(), handover, hours=hours, passphrase=passphrase, actor=actor)


@sensitive_variables()
def open_link(text: str, passphrase: str, *, address: str, user_agent: str) -> Opened:
    """Return the values and erase the secret, so a link opens only once. Raises LinkRefused or LinkBusy.

    The amount of work does not depend on whether the link exists. Each call is counted as a try before the
    passphrase is checked, so concurrent calls cannot get extra tries.
    """
    if not _slots.acquire(timeout=WAIT_SECONDS):
        raise LinkBusy
    try:
        return _open(_token_of(text), passphrase[:MAX_PASSPHRASE_LENGTH], address, user_agent)
    finally:
        _slots.release()


def obstacle_to_revoking(link: HandoverLink) -> PortalError | None:
    """Return why a link cannot be revoked now, or None."""
    return None if link.is_live_at(shared_now()) else LinkEnded()


@transaction.atomic
def revoke_link(link: HandoverLink, *, actor: Actor) -> None:
    """Revoke a link that was not opened. Raises LinkEnded."""
    refuse_if(obstacle_to_revoking(link))
    if not _end_link(link, LinkState.REVOKED, reason=f"by {actor.name}"[:200]):
        raise LinkEnded
    record(Verb.LINK_REVOKED, link.integration, actor=actor, shown=link.credential.shown)


def revoke_links_to(integrations: Sequence[Integration], *, reason: str, actor: Actor) -> None:
    """Revoke the live links of these integrations. Call it in the transaction that makes those links useless."""
    links = [each for part in chunks(integrations) for each in _live_of(part)]
    _revoke(links, reason, actor)


def revoke_links_of(creator: str, *, outside: Collection[int], reason: str, actor: Actor) -> None:
    """Revoke the live links that `creator` created for outlets outside these organisations.

    A link's creator can open it, and so could read the secret of an outlet that this person may no longer see.
    """
    live = HandoverLink.objects.filter(state=LinkState.LIVE, created_by=creator[:200])
    links = live.exclude(integration__outlet__organisation__in=outside)
    _revoke(list(links.select_related("credential", "integration__outlet__organisation")), reason, actor)


def _revoke(links: Sequence[HandoverLink], reason: str, actor: Actor) -> None:
    now = shared_now()
    for part in chunks([each.pk for each in links]):
        HandoverLink.objects.filter(pk__in=part, state=LinkState.LIVE).update(
            state=LinkState.REVOKED, sealed="", ended_at=now, ended_reason=reason
        )
    entries = [(each.integration, {"shown": each.credential.shown, "reason": reason}) for each in links]
    record_many(Verb.LINK_REVOKED, entries, actor=actor)


def expire_links() -> int:
    """Erase the secrets of at most 500 expired links. Return how many links ended."""
    due = HandoverLink.objects.filter(state=LinkState.LIVE, expires_at__lte=shared_now())
    return sum(_expire(link) for link in due.select_related("credential", "integration__outlet__organisation")[:500])


@transaction.atomic
def _expire(link: HandoverLink) -> bool:
    if not _end_link(link, LinkState.EXPIRED, reason="it was not opened in time"):
        return False
    record(Verb.LINK_EXPIRED, link.integration, actor=Actor("the portal"), shown=link.credential.shown)
    return True


def _live_of(integrations: Sequence[Integration]) -> Iterable[HandoverLink]:
    rows = HandoverLink.objects.filter(state=LinkState.LIVE, integration__in=integrations)
    return rows.select_related("credential", "integration__outlet__organisation")


@sensitive_variables()
def _open(token: str, passphrase: str, address: str, user_agent: str) -> Opened:
    link = _reserve_a_try(token)
    slow = _slow(passphrase, bytes.fromhex(link.salt) if link else _DUMMY_SALT)
    secret = _unsealed(link.sealed, token, slow) if link else None
    if link is None:
        raise LinkRefused
    recipient = Actor("holder of the hand-over link", address=address)
    if secret is None:
        _count_failure(link, recipient, user_agent)
        raise LinkRefused
    return _hand_over(link, secret, recipient, user_agent)


def _reserve_a_try(token: str) -> HandoverLink | None:
    rows = HandoverLink.objects.filter(
        token_digest=_digest(token),
        state=LinkState.LIVE,
        expires_at__gt=shared_now(),
        tries__lt=HandoverLink.most_tries,
    )
    # Read before writing, because strangers with invented tokens must not keep the database's only writer busy.
    if not rows.exists() or not rows.update(tries=F("tries") + 1):
        return None
    found = HandoverLink.objects.select_related("credential", "integration__outlet__organisation")
    return found.filter(token_digest=_digest(token), state=LinkState.LIVE).first()


@transaction.atomic
def _count_failure(link: HandoverLink, recipient: Actor, user_agent: str) -> None:
    """End the link if this failed try was its last one. The try itself is already counted."""
    if link.tries < link.most_tries:
        return
    reason = f"{link.most_tries} wrong passphrases"
    if _end_link(link, LinkState.FAILED, reason=reason, address=recipient.address, user_agent=user_agent):
        record(Verb.LINK_FAILED, link.integration, actor=recipient, shown=link.credential.shown)


@sensitive_variables()
@transaction.atomic
def _hand_over(link: HandoverLink, secret: str, recipient: Actor, user_agent: str) -> Opened:
    # If two requests race, only one finds the link live.
    if not _end_link(link, LinkState.OPENED, address=recipient.address, user_agent=user_agent):
        raise LinkRefused
    record(Verb.LINK_OPENED, link.integration, actor=recipient, shown=link.credential.shown)
    return Opened(link, HandOver.of(link.integration, secret))


def _end_link(
    link: HandoverLink, state: LinkState, *, reason: str = "", address: str = "", user_agent: str = ""
) -> bool:
    """End a live link and erase its secret. Return False if the link had already ended."""
    return bool(
        HandoverLink.objects.filter(pk=link.pk, state=LinkState.LIVE).update(
            state=state,
            sealed="",
            ended_at=shared_now(),
            ended_reason=reason,
            address=address[:45],
            user_agent=user_agent[:200],
        )
    )


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _grouped(text: str, size: int) -> str:
    return "-".join(text[start : start + size] for start in range(0, len(text), size))


def _token_of(text: str) -> str:
    """Return the token without its prefix and hyphens. `text` is a pasted token or the whole URL."""
    joined = "".join(text[:400].rpartition("#")[2].split()).replace("-", "").upper()
    return joined.removeprefix(PREFIX).translate(_LOOKALIKES)


def _digest(token: str) -> str:
    return hashlib.sha256(f"hand-over link {token[:HALF]}".encode()).hexdigest()


@sensitive_variables()
def _slow(passphrase: str, salt: bytes) -> bytes:
    # 46 MiB and one pass: OWASP recommends several equivalent settings for Argon2id. This one uses the most memory.
    return hash_secret_raw(
        _normal(passphrase).encode(), salt, time_cost=1, memory_cost=47_104, parallelism=1, hash_len=32, type=Type.ID
    )


def _normal(passphrase: str) -> str:
    """Return the form in which a passphrase is hashed, so small differences in typing do not matter.

    A generated passphrase is converted to capitals without hyphens or spaces. In any other passphrase, each run of
    spaces becomes one space.
    """
    text = " ".join(unicodedata.normalize("NFKC", passphrase).split())
    joined = text.replace("-", "").replace(" ", "").upper().translate(_LOOKALIKES)
    is_ours = len(joined) == PASSPHRASE_LENGTH and set(joined) <= set(ALPHABET)
    return joined if is_ours else text


@sensitive_variables()
def _ciphers(token: str, slow: bytes) -> list[Fernet]:
    """Return a cipher for each of the server's keys, with the writing key first."""
    half = token[HALF:].encode()
    return [
        Fernet(
            base64.urlsafe_b64encode(
                HKDF(SHA256(), length=32, salt=slow, info=b"order-n-pay hand-over link").derive(
                    hashlib.sha256(half).digest() + master.encode()
                )
            )
        )
        for master in keyring.CREDENTIAL.masters_writing_first
    ]


@sensitive_variables()
def _unsealed(sealed: str, token: str, slow: bytes) -> str | None:
    for cipher in _ciphers(token, slow):
        try:
            return cipher.decrypt(sealed.encode()).decode()
        except InvalidToken:
            continue
    return None
