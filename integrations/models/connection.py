import uuid
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from integrations.models.integration import Credential, Integration


def _lease_limit(now: datetime) -> datetime:
    """Return the limit at `now` (shared clock): a process counts as dead unless it sent a heartbeat after this time."""
    return now - timedelta(seconds=settings.LEASE_SECONDS)


class ServerProcessQuerySet(models.QuerySet["ServerProcess"]):
    def dead(self, now: datetime) -> Self:
        """Return the processes whose lease has expired at `now` (shared clock)."""
        return self.filter(heartbeat_at__lte=_lease_limit(now))

    def running(self, now: datetime) -> Self:
        """Return the processes that have neither ended nor died."""
        return self.filter(ended_at=None, heartbeat_at__gt=_lease_limit(now))


class ServerProcess(models.Model):
    """A server process and its lease. When its heartbeat is too old, its connections count as closed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True)
    # Comma-separated IDs of the process's keys, newest first (services/keys/keys.py). Empty for a process of an older
    # version, which does not announce its keys.
    credential_keys = models.TextField(blank=True, default="", db_default="", editable=False)
    signing_keys = models.TextField(blank=True, default="", db_default="", editable=False)

    objects = ServerProcessQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"

    def is_dead_at(self, now: datetime) -> bool:
        """Return whether the lease has expired at `now` (shared clock)."""
        return self.heartbeat_at <= _lease_limit(now)


class CloseReason(models.TextChoices):
    """The reason for the end of a connection; staff read the label."""

    BY_POS = "by_pos", "the POS closed the connection"
    LINK_LOST = "link_lost", "the connection was lost without a close"
    REPLACED = "replaced", "a newer connection of the same outlet took over"
    DISABLED = "disabled", "the integration was disabled"
    CREDENTIAL_RETIRED = "credential_retired", "its secret was retired"
    DISCONNECTED = "disconnected", "the provider disconnected it"
    RESTART = "restart", "the server stopped or restarted"
    FLOODING = "flooding", "the POS sent too much"
    TOO_LARGE = "too_large", "the POS sent too large a message"
    PROTOCOL_ERROR = "protocol_error", "the POS broke the websocket protocol"
    INVALID_TEXT = "invalid_text", "the POS sent text that is not valid UTF-8"
    INTERNAL = "internal", "an error in the server"
    SERVER_LOST = "server_lost", "the server process died"


# If a connection ends for one of these reasons, its unanswered requests are not to blame. REPLACED is not one of them,
# because the POS had time to answer, but opened another connection instead.
NOT_BY_A_REQUEST = frozenset(
    {
        CloseReason.DISABLED,
        CloseReason.CREDENTIAL_RETIRED,
        CloseReason.DISCONNECTED,
        CloseReason.RESTART,
        CloseReason.SERVER_LOST,
    }
)


def close_reasons() -> list[tuple[str, str]]:
    """Return the choices of Connection.close_reason. Because this is a function, a new choice needs no migration."""
    return CloseReason.choices


class Connection(models.Model):
    """One websocket connection of a POS, open or ended."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # `integration` and `process` need no separate indexes, because the indexes `connection_history` and
    # `connection_of_process` in Meta begin with them.
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="connections", db_index=False)
    credential = models.ForeignKey(Credential, on_delete=models.PROTECT, related_name="+")
    generation = models.PositiveIntegerField()
    process = models.ForeignKey(ServerProcess, on_delete=models.PROTECT, related_name="connections", db_index=False)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    close_code = models.PositiveSmallIntegerField(null=True)
    close_reason = models.CharField(max_length=24, choices=close_reasons, blank=True)
    address = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    # The database default is for servers of the previous version, which insert rows without this column.
    origin = models.CharField("Origin as sent", max_length=200, blank=True, default="", db_default="")
    frames_in = models.PositiveIntegerField(default=0)
    frames_out = models.PositiveIntegerField(default=0)
    unrecognised_frames = models.PositiveIntegerField(default=0, db_column="stray_frames")

    class Meta:
        ordering = ("-opened_at",)
        constraints = [
            models.UniqueConstraint(
                fields=["integration"],
                condition=Q(closed_at=None),
                name="one_live_connection_per_integration",
            ),
        ]
        indexes = [
            models.Index(fields=["integration", "-opened_at"], name="connection_history"),
            models.Index(fields=["process", "closed_at"], name="connection_of_process"),
            models.Index(fields=["-opened_at"], name="connection_newest"),
            models.Index(fields=["closed_at"], condition=Q(closed_at__isnull=False), name="connection_ended"),
            # Contains only open connections, so a search for the oldest ones does not read those that have ended.
            models.Index(fields=["-opened_at"], condition=Q(closed_at=None), name="connection_open"),
            models.Index(fields=["close_reason", "-opened_at"], name="connection_ending"),
            models.Index(
                fields=["address", "-opened_at"], opclasses=["varchar_pattern_ops", ""], name="connection_address"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.integration} ({self.opened_at:%Y-%m-%d %H:%M:%S})"

    def is_open_at(self, now: datetime) -> bool:
        """Return whether the connection is open and its process is alive. Read it with select_related("process")."""
        return self.closed_at is None and not self.process.is_dead_at(now)


def is_open(now: datetime) -> Q:
    """Return a condition that selects the connections that are open at `now` (see Connection.is_open_at)."""
    return Q(closed_at=None) & ~Q(process__in=ServerProcess.objects.dead(now))


def is_online(now: datetime, path: str = "") -> Q:
    """Return a condition that selects the rows whose POS is connected to a live process.

    `path` leads to the presence, for example "integration__presence__". The condition lists the connections that
    dead processes left open (usually none), and excludes them. Looking up the process of each of ten thousand
    connections instead would take several times as long.
    """
    left_open = Connection.objects.filter(closed_at=None, process__in=ServerProcess.objects.dead(now)).order_by()
    has_connection = Q(**{f"{path}is_online": True, f"{path}connection__isnull": False})
    return has_connection & ~Q(**{f"{path}connection__in": left_open})


class PresenceQuerySet(models.QuerySet["Presence"]):
    def online(self, now: datetime) -> Self:
        """Return the presences whose POS is connected to a live process."""
        return self.filter(is_online(now))


class Presence(models.Model):
    """Whether an integration's POS is connected. This is a separate row, because it is written often."""

    integration = models.OneToOneField(Integration, on_delete=models.PROTECT, primary_key=True, related_name="presence")
    is_online = models.BooleanField(default=False)
    since = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)
    connection = models.ForeignKey(Connection, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = PresenceQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "presence"
        indexes = [models.Index(fields=["is_online", "since"], name="presence_state")]

    def __str__(self) -> str:
        return f"{self.integration}: {'online' if self.is_online else 'offline'}"

    def is_online_at(self, now: datetime) -> bool:
        """Return whether the POS is connected to a live process. Read it with select_related("connection__process")."""
        if not self.is_online or self.connection is None:
            return False
        return not self.connection.process.is_dead_at(now)

    def since_at(self, now: datetime) -> datetime | None:
        """Return when the current state began, or None if the POS never connected."""
        if self.is_online and not self.is_online_at(now) and self.connection is not None:
            return self.connection.process.heartbeat_at
        return self.since
