"""Create the demo data. portal/operations/demo.py defines them."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction

from integrations.management.outlet_commands import OutletCommand
from integrations.services.audit import Actor
from integrations.simulator import DEFAULT_NUMBERS
from integrations.simulator.example import MANAGER, SOUP, TABLES
from integrations.wire.endpoints import API_PATH
from portal.operations.demo import OFFLINE, ONLINE, OUTLETS, Demo, create_demo, demo_exists, provider_outlet_id
from portal.operations.demo_files import DemoFiles

CREATED = """
Created the organisation Demo with {outlets}, and an API key.
Their secrets are in {folder}; only you can read them. They really give access to these outlets, so never
create the demo in a portal that real tills connect to."""
CREATED_BEFORE = "\nThe demo already exists. Its secrets are in {folder}."
SIMULATE = """
Bring its POSes online, except that of {offline} (script/server --demo does this automatically):
  .venv/bin/python manage.py simulate_pos --count {count} --url {url} \\
    --credentials {outlets}"""
ORDER = """
Open an order on table 5 of {outlet}, from another terminal:
  curl -s {api}outlets/{outlet_id}/requests \\
    -H "Authorization: Bearer $(cat {api_key})" --data '{{
      "message_type": "CreateOrder", "device_id": "kiosk-1", "user_identifier": "{pin}", "payload": {{
        "ProviderOrderID": "web-1", "ServiceModeID": "{mode}", "ServiceModeEntityID": "5",
        "Products": [{{"ProductType": 0, "Name": "{name}", "Quantity": 2, "PLUIdentifier": "{plu}",
          "Price": 0, "TotalAmount": 0}}]}}}}'
"""


class Command(OutletCommand):
    help = "Create an organisation with three outlets and an API key, to try the portal. Does nothing if they exist."
    stealth_options = ("poses_are_started",)  # passed by serve --demo

    def handle(self, *_args: Any, **options: Any) -> None:
        files = DemoFiles.of_this_portal()
        if self.call_service(_exists):
            self._say_what_exists(files)
        else:
            self._create(files)
        if not options.get("poses_are_started"):
            self.stdout.write(
                SIMULATE.format(
                    count=len(ONLINE), offline=OFFLINE, url=settings.PUBLIC_URL, outlets=_shown(files.outlets)
                )
            )
        self.stdout.write(_curl(files))
        self.stdout.flush()

    def _create(self, files: DemoFiles) -> None:
        try:
            # The transaction is rolled back if the file cannot be written, because the secrets cannot be shown again.
            with transaction.atomic():
                demo: Demo = self.call_service(_create)
                files.write(demo)
        except OSError as error:
            raise CommandError(f"Cannot write the demo's secrets to {files.folder}: {error.strerror}.") from error
        self.stdout.write(CREATED.format(outlets=", ".join(OUTLETS), folder=_shown(files.folder)))

    def _say_what_exists(self, files: DemoFiles) -> None:
        if not files.exist():
            raise CommandError(
                f"The demo already exists, but its secrets are not in {files.folder}. Rotate the secrets of its "
                "outlets, and create another API key."
            )
        self.stdout.write(CREATED_BEFORE.format(folder=_shown(files.folder)))


def _exists(*, actor: Actor) -> bool:  # noqa: ARG001  (reading leaves no audit event)
    return demo_exists()


def _create(*, actor: Actor) -> Demo:
    return create_demo(DEFAULT_NUMBERS, actor=actor)


def _curl(files: DemoFiles) -> str:
    outlet = OUTLETS[0]
    return ORDER.format(
        api=f"{settings.PUBLIC_URL}{API_PATH}",
        outlet=outlet,
        outlet_id=provider_outlet_id(outlet),
        api_key=_shown(files.api_key),
        pin=MANAGER.pin,
        mode=TABLES.service_mode_id,
        name=SOUP.name,
        plu=SOUP.plu_number,
    )


def _shown(path: Path) -> str:
    """Return the path relative to the current folder if it is inside that folder; otherwise return it unchanged."""
    here = Path.cwd()
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)
