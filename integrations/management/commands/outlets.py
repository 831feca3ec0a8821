import json
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from integrations.management.outlet_commands import OutletCommand, add_format
from integrations.models import Integration, Outlet
from integrations.models.clock import shared_now
from integrations.models.outlet_state import state_of
from integrations.services.audit import Actor
from integrations.text.moments import iso


class Command(OutletCommand):
    help = "List the outlets: whether each is enabled, and whether its POS is online."

    def add_arguments(self, parser: CommandParser) -> None:
        add_format(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        outlets, now = self.call_service(_outlets), shared_now()
        if options["format"] == "json":
            self.stdout.write(json.dumps([_row(each, now) for each in outlets], ensure_ascii=False, indent=2))
            return
        for outlet in outlets:
            self.stdout.write(_line(outlet, now))


def _outlets(*, actor: Actor) -> list[Outlet]:  # noqa: ARG001  (reading leaves no audit event)
    return list(Outlet.objects.select_related("organisation", "integration__presence__connection__process"))


def _row(outlet: Outlet, now: datetime) -> dict[str, Any]:
    integration = Integration.of(outlet)
    since = integration.presence.since_at(now) if integration else None
    return {
        "Organisation": outlet.organisation.name,
        "Outlet": outlet.name,
        "ProviderOutletID": outlet.provider_outlet_id,
        "POSRemoteID": integration.pos_remote_id if integration else None,
        "Enabled": integration.is_enabled if integration else False,
        "Online": integration.presence.is_online_at(now) if integration else False,
        "Since": iso(since, "seconds") if since else None,
    }


def _line(outlet: Outlet, now: datetime) -> str:
    row, state = _row(outlet, now), state_of(Integration.of(outlet), now)
    since = f" since {row['Since']}" if row["Since"] else ""
    return f"{outlet.provider_outlet_id}  {outlet}: {state.label.lower()}{since}"
