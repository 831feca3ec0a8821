import json
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from integrations.management.outlet_commands import OutletCommand, add_format
from integrations.models import Outlet, Presence
from integrations.models.clock import shared_now
from integrations.services.audit import Actor


class Command(OutletCommand):
    help = "List the outlets: whether each is enabled, and whether its POS is online."

    def add_arguments(self, parser: CommandParser) -> None:
        add_format(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        rows = self.call_service(_outlet_rows)
        if options["format"] == "json":
            self.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2))
            return
        for row in rows:
            self.stdout.write(_outlet_line(row))


def _outlet_rows(*, actor: Actor) -> list[dict[str, Any]]:  # noqa: ARG001  (reading leaves no audit event)
    now = shared_now()
    presences = {
        presence.integration.outlet_id: presence
        for presence in Presence.objects.select_related("integration", "connection__process")
    }
    outlets = Outlet.objects.select_related("organisation")
    return [_outlet_row(outlet, presences.get(outlet.pk), now) for outlet in outlets]


def _outlet_row(outlet: Outlet, presence: Presence | None, now: datetime) -> dict[str, Any]:
    since = presence.since_at(now) if presence else None
    return {
        "Organisation": outlet.organisation.name,
        "Outlet": outlet.name,
        "ProviderOutletID": outlet.provider_outlet_id,
        "POSRemoteID": presence.integration.pos_remote_id if presence else None,
        "Enabled": presence.integration.is_enabled if presence else False,
        "Online": presence.is_online_at(now) if presence else False,
        "Since": since.isoformat(timespec="seconds") if since else None,
    }


def _outlet_line(row: dict[str, Any]) -> str:
    state = "online" if row["Online"] else "offline" if row["Since"] else "never connected"
    if not row["Enabled"]:
        state = "disabled" if row["POSRemoteID"] else "not enabled"
    since = f" since {row['Since']}" if row["Since"] else ""
    return f"{row['ProviderOutletID']}  {row['Organisation']} – {row['Outlet']}: {state}{since}"
