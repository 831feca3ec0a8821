from datetime import datetime

from django.db import models
from django.db.models import Q

from integrations.models.clock import shared_now
from integrations.models.integration import Credential, Integration


class LinkState(models.TextChoices):
    LIVE = "live", "not opened yet"
    OPENED = "opened", "opened"
    REVOKED = "taken_back", "revoked"
    EXPIRED = "expired", "expired unopened"
    FAILED = "failed", "blocked: too many wrong passphrases"


def link_states() -> list[tuple[str, str]]:
    """Return the choices of HandoverLink.state. Because this is a function, a new choice needs no migration."""
    return LinkState.choices


def is_in_link_state(state: LinkState, now: datetime) -> Q:
    """Return a condition that selects the links whose state at `now` is this one (see HandoverLink.state_at)."""
    if state is LinkState.LIVE:
        return Q(state=state, expires_at__gt=now)
    is_due = Q(state=LinkState.LIVE, expires_at__lte=now)
    return Q(state=state) | is_due if state is LinkState.EXPIRED else Q(state=state)


class HandoverLink(models.Model):
    """A link that hands a secret to its recipient. It can be opened once, with a passphrase, before it expires.

    `sealed` holds the encrypted values, and is emptied as soon as the link ends in any way. The encryption key is
    derived from the passphrase, the server's key and the second half of the link's token. The database stores none of
    these three.
    To find a link's row, the first half of its token is digested and compared with `token_digest`.
    """

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="handover_links")
    credential = models.ForeignKey(Credential, on_delete=models.PROTECT, related_name="handover_links")
    state = models.CharField(max_length=16, choices=link_states, default=LinkState.LIVE)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    salt = models.CharField(max_length=32, editable=False)
    sealed = models.TextField(blank=True, editable=False)
    most_tries = 5
    tries = models.PositiveSmallIntegerField("passphrases tried", default=0)
    created_by = models.CharField("created by", max_length=200, db_column="made_by")
    created_at = models.DateTimeField("created", default=shared_now, editable=False, db_column="made_at")
    expires_at = models.DateTimeField("expires")
    ended_at = models.DateTimeField("ended", null=True)
    ended_reason = models.CharField("why it ended", max_length=200, blank=True)
    address = models.CharField("from", max_length=45, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = "hand-over link"
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["state", "expires_at"], name="handover_link_expiry")]
        constraints = [
            models.UniqueConstraint(
                fields=["credential"], condition=Q(state="live"), name="one_live_handover_link_per_credential"
            ),
            models.CheckConstraint(condition=Q(state="live") | Q(sealed=""), name="ended_handover_link_is_erased"),
        ]

    def __str__(self) -> str:
        return f"{self.integration} ({self.created_at:%Y-%m-%d %H:%M})"

    def is_live_at(self, now: datetime) -> bool:
        return self.state == LinkState.LIVE and self.expires_at > now

    def state_at(self, now: datetime) -> LinkState:
        """Return the state at `now`. An expired link is EXPIRED even before the clean-up job has updated its row."""
        state = LinkState(self.state)
        return LinkState.EXPIRED if state is LinkState.LIVE and not self.is_live_at(now) else state
