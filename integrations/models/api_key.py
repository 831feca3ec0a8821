import json
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.text import get_text_list

from integrations.models.fields.texts import NameField
from integrations.models.kept_secret import KeptSecret, KeptSecretOwner, KeptSecretQuerySet
from integrations.models.outlet import Organisation, plain_text
from integrations.text.client_address import Network, parsed_network

MAX_IDEMPOTENCY_KEY = 256  # characters; a RequestID has the same limit


class Scope(models.TextChoices):
    """What an API key may do; each label completes the sentence "The key can ...". The values never change."""

    REQUESTS_READ = "requests:read", "read requests"
    REQUESTS_SEND = "requests:send", "send and cancel requests"
    OUTLETS_READ = "outlets:read", "read outlets"
    OUTLETS_WRITE = "outlets:write", "manage organisations and outlets"
    WEBHOOKS_WRITE = "webhooks:write", "manage webhook endpoints"
    EVENTS_READ = "events:read", "read events"
    HANDOVER_WRITE = "handover:write", "manage hand-over links"


READING_SCOPES = (Scope.REQUESTS_READ, Scope.OUTLETS_READ)
DEFAULT_SCOPES = (Scope.REQUESTS_READ, Scope.REQUESTS_SEND, Scope.OUTLETS_READ)


@lru_cache(1024)
def parsed_scopes(text: str) -> frozenset[str]:
    """Return the scopes in `text`, the JSON of ApiKey.scopes as a plain SQL query returns it."""
    return frozenset(json.loads(text))


@lru_cache(1024)
def parsed_networks(text: str) -> tuple[Network, ...]:
    """Return the networks in `text`, the JSON of ApiKey.networks as a plain SQL query returns it."""
    return tuple(map(parsed_network, json.loads(text)))


class CallLimit(NamedTuple):
    """How many calls may be made with an API key: per second on average, and at once after a pause."""

    per_second: int
    burst: int

    @property
    def words(self) -> str:
        return f"{self.per_second:,} calls a second, and {self.burst:,} at once after a pause"


def call_limit(per_second: int | None, burst: int | None) -> CallLimit:
    """Return a key's limit from these columns, or the limit in the settings if the key has none."""
    if per_second is None:
        return CallLimit(settings.API_CALLS_PER_SECOND, settings.API_CALLS_BURST)
    return CallLimit(per_second, burst or 2 * per_second)


class ApiKeyState(models.TextChoices):
    """Whether a key is accepted."""

    ACTIVE = "active", "Active"
    EXPIRED = "expired", "Expired"
    RETIRED = "retired", "Retired"


class ApiKey(KeptSecretOwner):
    """A key that one of the provider's systems uses to call the API, for all organisations or for one."""

    name = NameField(max_length=100, unique=True, validators=[plain_text])
    organisation = models.ForeignKey(
        Organisation,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="api_keys",
        help_text="Choose an organisation to give access to its outlets only.",
    )
    scopes = models.JSONField(default=list)  # values of Scope, in the order of Scope
    networks = models.JSONField(default=list, blank=True)  # CIDR; if empty, calls may come from any address
    # The key's own CallLimit; null: the limit in the settings. calls_burst is only valid with calls_per_second.
    calls_per_second = models.PositiveIntegerField(null=True, blank=True)
    calls_burst = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.name

    @property
    def abilities(self) -> str:
        """One sentence that describes what the key may do."""
        whose = str(self.organisation) if self.organisation else "all organisations"
        what = get_text_list([scope.label for scope in Scope if scope in self.scopes], "and")
        where = f", if the call comes from {get_text_list(self.networks)}" if self.networks else ""
        return f"In {whose}, the key can {what or 'do nothing'}{where}."

    def state_at(self, now: datetime) -> ApiKeyState:
        """Return the state at `now`. A key without a current secret is permanently retired."""
        current = next((each for each in self.secrets.all() if each.is_current), None)
        if current is None:
            return ApiKeyState.RETIRED
        return ApiKeyState.ACTIVE if current.is_live(now) else ApiKeyState.EXPIRED

    @property
    def call_limit(self) -> CallLimit:
        """The limit that applies to the key's calls."""
        return call_limit(self.calls_per_second, self.calls_burst)

    def kept_secrets(self) -> "KeptSecretQuerySet[ApiKeySecret]":
        return self.secrets.all()


class ApiKeySecret(KeptSecret):
    """One secret of an API key."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="secrets")

    objects = KeptSecretQuerySet["ApiKeySecret"].as_manager()

    class Meta(KeptSecret.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["api_key"], condition=Q(is_current=True), name="one_current_secret_per_api_key"
            ),
            models.CheckConstraint(
                condition=Q(is_current=False) | Q(retired_at=None), name="current_api_key_secret_is_not_retired"
            ),
        ]


def is_in_key_state(state: ApiKeyState, now: datetime) -> Q:
    """Return a condition that selects the keys that are in this state at `now` (see ApiKey.state_at)."""
    current = ApiKeySecret.objects.filter(api_key=OuterRef("pk"), is_current=True)
    if state is ApiKeyState.RETIRED:
        return ~Q(Exists(current))
    is_live = Q(Exists(current.live(now)))
    return is_live if state is ApiKeyState.ACTIVE else Q(Exists(current)) & ~is_live


class AnsweredCall(models.Model):
    """The answer to an API call with an Idempotency-Key. A repeat of the call gets it until `expires_at`.

    The answer can hold a new secret, so it is encrypted (services/api_keys/idempotency.py).
    """

    # This column has no separate index, because the constraint begins with it.
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="answered_calls", db_index=False)
    idempotency_key = models.CharField(max_length=MAX_IDEMPOTENCY_KEY)
    call_digest = models.CharField(max_length=80, editable=False)  # a keyed digest of method, path, query and body
    sealed_answer = models.TextField(editable=False)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["api_key", "idempotency_key"], name="idempotency_key_once_per_api_key")
        ]

    def __str__(self) -> str:
        return f"{self.idempotency_key} of {self.api_key}"
