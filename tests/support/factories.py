"""Creates organisations, outlets, processes and connections for tests, with recognisable default names."""

import asyncio
import itertools
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from integrations.models import Integration, Organisation, Outlet, ServerProcess
from integrations.models.connection import CloseReason
from integrations.relay.sockets.registry import Live
from integrations.services.audit import Actor
from integrations.services.connections.authentication import Claim
from integrations.services.handover.handover import HandOver
from integrations.services.integration.enabling import enable_outlet
from integrations.services.outlets.outlets import create_outlet, get_or_create_organisation

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
ANNA = Actor("anna", address="192.0.2.10")
BELLA = "Trattoria Bella"
HARBOUR = "Harbour"
STATION = "Station"
ADOPTED = "sharedS3cr3t!"  # the example in the specification

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Enabled:
    """An enabled outlet: its integration, and the values for PowerEPOS."""

    integration: Integration
    handover: HandOver

    def claim(self, **changes: Any) -> Claim:
        """Return the claim that its POS sends to authenticate, with these fields changed."""
        claim = Claim(self.handover.provider_outlet_id, self.handover.pos_remote_id, self.handover.auth_secret)
        return replace(claim, **changes)

    def fresh(self) -> Integration:
        """Return the current row from the database."""
        return Integration.objects.select_related("outlet__organisation").get(pk=self.integration.pk)


def make_organisation(name: str = BELLA) -> Organisation:
    return get_or_create_organisation(name, actor=ANNA)


def make_outlet(name: str = HARBOUR, *, organisation: str = BELLA, provider_outlet_id: str | None = None) -> Outlet:
    return create_outlet(make_organisation(organisation), name=name, provider_outlet_id=provider_outlet_id, actor=ANNA)


def make_enabled_outlet(
    name: str = HARBOUR, *, pos_remote_id: str | None = None, adopted_secret: str | None = None
) -> Enabled:
    outlet = make_outlet(name)
    handover = enable_outlet(
        outlet, pos_remote_id=pos_remote_id or f"Bella-{name}", adopted_secret=adopted_secret, actor=ANNA
    )
    # Backdate the change, because a watcher that starts would otherwise report it as new.
    Integration.objects.filter(outlet=outlet).update(changed_at=LONG_AGO)
    return Enabled(Integration.objects.select_related("outlet__organisation").get(outlet=outlet), handover)


def make_process(*, heartbeat_at: datetime = NOON, host: str = "another-host", pid: int = 7) -> ServerProcess:
    return ServerProcess.objects.create(host=host, pid=pid, started_at=heartbeat_at, heartbeat_at=heartbeat_at)


class RecordingSocket:
    """A socket that records the reason of each call to close it."""

    closing: asyncio.Task[None] | None = None

    def __init__(self) -> None:
        self.close_reasons: list[CloseReason] = []

    def close_soon(self, reason: CloseReason) -> None:
        self.close_reasons.append(reason)


def make_live(integration: Integration, *, opened_at: datetime = NOON, **changes: Any) -> Live:
    """Return a live connection as a consumer registers it; its socket is a RecordingSocket."""
    credential = integration.current_credential()
    values: dict[str, Any] = {
        "integration_id": integration.pk,
        "provider_outlet_id": integration.outlet.provider_outlet_id,
        "credential_id": credential.pk,
        "generation": integration.generation,
        "expires_at": credential.expires_at,
        "opened_at": opened_at,
        "address": "198.51.100.7",
        "user_agent": "PowerEPOS/8.1",
        "socket": RecordingSocket(),
        "id": uuid.UUID(int=next(_numbers)),
    }
    return Live(**(values | changes))
