import uuid

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from integrations.models.fields.opening import check_hours, check_zone
from integrations.models.fields.texts import IdField, MatchField, NameField

# Refuses spaces at either end, because forms and e-mails would lose them.
plain_text = RegexValidator(
    r"\A(?!\s)[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+(?<!\s)\Z",
    "Remove control characters, and spaces at the beginning and end.",
)


def is_plain(text: str) -> bool:
    """Return whether a text is a valid name or ID: not empty, no control characters, no space at either end."""
    try:
        plain_text(text)
    except ValidationError:
        return False
    return True


def has_address(provider_outlet_id: str) -> bool:
    """Return whether an HTTP client can send this ID in a path. Clients remove the parts `.` and `..` from paths."""
    return provider_outlet_id not in (".", "..")


NO_ADDRESS = "This ProviderOutletID cannot be part of a web address. Choose another one."


def new_provider_outlet_id() -> str:
    """Return a new UUID as text: 36 characters, lower case."""
    return str(uuid.uuid4())


def _opening_hours(meaning: str) -> "models.CharField[str, str]":
    help_text = f"{meaning} Example: mon-fri 09:00-23:00; sat,sun 10:00-02:00"
    return models.CharField(max_length=300, blank=True, validators=[check_hours], help_text=help_text)


class Organisation(models.Model):
    """A customer of the provider: one restaurant or a chain of them."""

    name = NameField(max_length=200, unique=True, validators=[plain_text])
    created_at = models.DateTimeField(auto_now_add=True)
    opening_hours = _opening_hours("Alerts are sent during these hours only. Leave empty for all hours.")
    time_zone = models.CharField(
        max_length=64, blank=True, validators=[check_zone], help_text="Leave empty for the portal's time zone."
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Outlet(models.Model):
    """One site of an organisation, with the provider's own ID for it."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="outlets")
    name = NameField(max_length=200, validators=[plain_text])
    provider_outlet_id = IdField(
        "ProviderOutletID",
        max_length=64,
        unique=True,
        default=new_provider_outlet_id,
        validators=[plain_text],
        help_text="The outlet's ID in your own systems: up to 64 characters. Keep the generated UUID if you have none.",
    )
    # The normalised ProviderOutletID. The portal searches this column for the ID that a POS sends. The column is not
    # unique, because IDs that an older version stored may differ only in invisible characters. The database default is
    # for servers of the previous version, which insert rows without this column. The chore in
    # services/retention/tidying.py fills in the missing values.
    match_id = MatchField(of="provider_outlet_id", max_length=64, default="", db_default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    alert_after_minutes = models.PositiveIntegerField(
        "alert after",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(43_200)],
        help_text="Alert when the POS has been offline for this many minutes. Leave empty for the portal's limit.",
    )
    opening_hours = _opening_hours("Alerts are sent during these hours only. Leave empty for the organisation's.")
    time_zone = models.CharField(
        max_length=64, blank=True, validators=[check_zone], help_text="Leave empty for the organisation's time zone."
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
