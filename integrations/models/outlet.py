import uuid

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from integrations.models.fields.opening import check_hours, check_zone
from integrations.models.fields.texts import IdField, MatchField, NameField

# Also no blank at either end: it would be lost on its way through a form or an e-mail.
plain_text = RegexValidator(
    r"\A(?!\s)[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+(?<!\s)\Z",
    "Use characters without control characters, and no blank at the beginning or end.",
)


def is_plain(text: str) -> bool:
    """Return whether a text is free of what names and IDs must not hold, and is not empty."""
    try:
        plain_text(text)
    except ValidationError:
        return False
    return True


def new_provider_outlet_id() -> str:
    """Return a new UUID as text: 36 characters, lower case."""
    return str(uuid.uuid4())


def _opening_hours(meaning: str) -> "models.CharField[str, str]":
    help_text = f"{meaning} Like: mon-fri 09:00-23:00; sat,sun 10:00-02:00"
    return models.CharField(max_length=300, blank=True, validators=[check_hours], help_text=help_text)


class Organisation(models.Model):
    """A customer of the provider: one restaurant or a chain of them."""

    name = NameField(max_length=200, unique=True, validators=[plain_text])
    created_at = models.DateTimeField(auto_now_add=True)
    opening_hours = _opening_hours("Alerts are for these hours only; empty: for all hours.")
    time_zone = models.CharField(
        max_length=64, blank=True, validators=[check_zone], help_text="Of the opening hours; empty: the portal's."
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Outlet(models.Model):
    """One site of an organisation, under the provider's own ID for it."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="outlets")
    name = NameField(max_length=200, validators=[plain_text])
    provider_outlet_id = IdField(
        "ProviderOutletID",
        max_length=64,
        unique=True,
        default=new_provider_outlet_id,
        validators=[plain_text],
        help_text="The outlet's ID in your own systems: up to 64 characters. A new UUID unless you have one.",
    )
    # What a POS sends is looked up by this. Not unique: rows of older versions may differ in hidden characters alone.
    # The database's default is for a server of the version before; tidying fills in what such a server inserted.
    match_id = MatchField(of="provider_outlet_id", max_length=64, default="", db_default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    alert_after_minutes = models.PositiveIntegerField(
        "alert after",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(43_200)],
        help_text="Minutes that its POS may be offline before you are told; empty: the portal's own limit.",
    )
    opening_hours = _opening_hours("Alerts are for these hours only; empty: those of its organisation.")
    time_zone = models.CharField(
        max_length=64, blank=True, validators=[check_zone], help_text="Of the opening hours; empty: its organisation's."
    )

    class Meta:
        ordering = ("organisation__name", "name")
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="outlet_name_once_per_organisation"),
            models.CheckConstraint(condition=~models.Q(provider_outlet_id=""), name="outlet_has_provider_outlet_id"),
        ]
        indexes = [models.Index(fields=["match_id"], name="outlet_match_id")]

    def __str__(self) -> str:
        return f"{self.organisation} – {self.name}"
