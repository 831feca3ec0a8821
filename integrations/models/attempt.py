from django.db import models

from integrations.models.integration import Integration


class Outcome(models.TextChoices):
    """The result of an authentication attempt, with the exact reason, which only staff may read."""

    ACCEPTED = "accepted", "Accepted"
    MALFORMED = "malformed", "Malformed request"
    WRONG_PATH = "wrong_path", "Wrong path: neither the authentication endpoint nor the websocket"
    MISTYPED_SECRET = "mistyped_secret", "Secret mistyped (wrong checksum)"
    UNKNOWN_OUTLET = "unknown_outlet", "Unknown ProviderOutletID"
    WRONG_SECRET = "wrong_secret", "Wrong secret"
    RETIRED_SECRET = "retired_secret", "Old secret, replaced by a rotation"
    UNKNOWN_KEY = "unknown_key", "Secret was stored with a server key that is missing"
    WRONG_POS_REMOTE_ID = "wrong_pos_remote_id", "POSRemoteID does not match"
    DISABLED = "disabled", "Integration is disabled"
    THROTTLED = "throttled", "Blocked temporarily after too many failures"
    BUSY = "busy", "Server busy"
    DATABASE_AWAY = "database_away", "Database unavailable"
    DRAINING = "draining", "Server is stopping"
    TOKEN_MISSING = "token_missing", "No access token"
    TOKEN_FORGED = "token_forged", "Access token was not issued by this portal"
    TOKEN_EXPIRED = "token_expired", "Access token expired"
    TOKEN_VOID = "token_void", "Access token was revoked"
    SECOND_TILL = "second_till", "Two tills use these credentials: this one must wait"
    # Only in rows that older versions wrote. The portal no longer checks the Origin header of a POS.
    FOREIGN_ORIGIN = "foreign_origin", "Blocked: request came from a browser page"


# Outcomes caused by the state of the server. All others except ACCEPTED are caused by the caller.
UNDECIDED = (Outcome.BUSY, Outcome.DATABASE_AWAY, Outcome.DRAINING)
REFUSALS = tuple(each for each in Outcome if each not in (Outcome.ACCEPTED, *UNDECIDED))


class PosEndpoint(models.TextChoices):
    """The endpoint that received an attempt."""

    AUTH = "auth", "Authentication"
    WEBSOCKET = "websocket", "Websocket"


def pos_endpoints() -> list[tuple[str, str]]:
    """Return the choices of AuthAttempt.endpoint. Because this is a function, a new choice needs no migration.

    A migration refers to this function by its name.
    """
    return PosEndpoint.choices


def outcomes() -> list[tuple[str, str]]:
    """Return the choices of AuthAttempt.outcome. Because this is a function, a new choice needs no migration."""
    return Outcome.choices


class AuthAttempt(models.Model):
    """One attempt of a POS, or of any other caller, to get a token or to open the websocket."""

    at = models.DateTimeField(db_index=True)
    endpoint = models.CharField(max_length=16, choices=pos_endpoints, db_column="door")
    outcome = models.CharField(max_length=24, choices=outcomes)
    # What was wrong with the values that a THROTTLED attempt sent; empty if they were correct or were not checked. The
    # database default is for servers of the previous version, which insert rows without this column during an upgrade.
    cause = models.CharField(max_length=24, choices=outcomes, blank=True, default="", db_default="")
    # This column has no separate index, because `attempt_of_integration` begins with it.
    integration = models.ForeignKey(
        Integration, null=True, on_delete=models.PROTECT, related_name="attempts", db_index=False
    )
    provider_outlet_id = models.CharField("ProviderOutletID as sent", max_length=64, blank=True)
    pos_remote_id = models.CharField("POSRemoteID as sent", max_length=128, blank=True)
    # The integration that has the sent POSRemoteID, if the sent ProviderOutletID is unknown or belongs to another
    # outlet. This is a reference instead of the outlet's name, because not every viewer may see the name.
    pos_remote_id_of = models.ForeignKey(
        Integration, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, editable=False
    )
    address = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = "authentication attempt"
        ordering = ("-at", "-id")
        indexes = [
            models.Index(fields=["integration", "-at"], name="attempt_of_integration"),
            models.Index(fields=["outcome", "-at"], name="attempt_outcome"),
            models.Index(fields=["address", "-at"], opclasses=["varchar_pattern_ops", ""], name="attempt_address"),
            # Finds attempts with IDs that no outlet has. Attempts of an outlet are found through the outlet.
            models.Index(
                fields=["provider_outlet_id", "-at"],
                condition=models.Q(integration=None),
                opclasses=["varchar_pattern_ops", ""],
                name="attempt_of_nobody",
            ),
            models.Index(
                fields=["pos_remote_id_of", "-at"],
                condition=models.Q(pos_remote_id_of__isnull=False),
                name="attempt_of_pos_remote_id",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()} ({self.at:%Y-%m-%d %H:%M:%S})"


def unrecognised_frame_kinds() -> list[tuple[str, str]]:
    """Return the choices of UnrecognisedFrame.kind. Because this is a function, a new choice needs no migration.

    A migration refers to this function by its name.
    """
    return UnrecognisedFrameKind.choices


class UnrecognisedFrameKind(models.TextChoices):
    BINARY = "binary", "Binary frame"
    NOT_JSON = "not_json", "Not JSON"
    NOT_AN_OBJECT = "not_an_object", "JSON, but not an object"
    UNKNOWN = "unknown", "Not an answer to any request"


class UnrecognisedFrame(models.Model):
    """An unrecognised frame of a POS, stored redacted and shortened for staff to see."""

    at = models.DateTimeField()
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="unrecognised_frames")
    connection_id = models.UUIDField()
    kind = models.CharField(max_length=16, choices=unrecognised_frame_kinds)
    size = models.PositiveIntegerField("size in bytes")
    excerpt = models.TextField(blank=True)

    class Meta:
        db_table = "integrations_strayframe"
        verbose_name = "unrecognised frame"
        ordering = ("-at", "-id")
        indexes = [
            models.Index(fields=["integration", "-at"], name="stray_frame_of_integration"),
            models.Index(fields=["at"], name="stray_frame_at"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.at:%Y-%m-%d %H:%M:%S})"
