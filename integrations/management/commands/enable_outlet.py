import sys
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from integrations.management.outlet_commands import OutletCommand, add_format
from integrations.models import Integration, Outlet
from integrations.models.outlet import is_plain
from integrations.services.audit import Actor
from integrations.services.handover.handover import HandOver
from integrations.services.integration.enabling import enable_outlet
from integrations.services.outlets import near_names
from integrations.services.outlets.errors import OutletExists
from integrations.services.outlets.outlets import create_outlet, get_or_create_organisation
from integrations.text.characters import identity, normalised_name


class Command(OutletCommand):
    help = "Enable Order N Pay for an outlet and print the values for PowerEPOS. Creates the outlet if needed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", required=True, metavar="NAME", help="created if it does not exist")
        parser.add_argument("--outlet", required=True, metavar="NAME", help="created if it does not exist")
        parser.add_argument("--pos-remote-id", required=True, metavar="ID", help="the ID that PowerEPOS assigned")
        parser.add_argument("--provider-outlet-id", metavar="ID", help="your own ID; default: a new UUID")
        parser.add_argument(
            "--adopt-secret-stdin",
            action="store_true",
            help="adopt a secret that PowerEPOS already has: the first line of standard input",
        )
        add_format(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        adopted = sys.stdin.readline().rstrip("\r\n") if options["adopt_secret_stdin"] else None
        for warning in self.act(_warnings, options["organisation"], options["outlet"]):
            self.stderr.write(f"WARNING: {warning}")
        handover = self.act(
            _enable,
            organisation=options["organisation"],
            outlet=options["outlet"],
            pos_remote_id=options["pos_remote_id"],
            provider_outlet_id=options["provider_outlet_id"],
            adopted_secret=adopted,
        )
        self.print_handover(handover, options["format"])


def _warnings(organisation: str, outlet: str, *, actor: Actor) -> list[str]:  # noqa: ARG001  (as `act` calls it)
    if not all(is_plain(normalised_name(each)) for each in (organisation, outlet)):  # refused later, by name
        return []
    found = (near_names.warning_about_organisation(organisation), near_names.warning_about_outlet(organisation, outlet))
    return [warning for warning in found if warning]


@transaction.atomic
def _enable(
    *,
    organisation: str,
    outlet: str,
    pos_remote_id: str,
    provider_outlet_id: str | None,
    adopted_secret: str | None,
    actor: Actor,
) -> HandOver:
    row = _outlet(organisation, outlet, provider_outlet_id, actor)
    return enable_outlet(row, pos_remote_id=pos_remote_id, adopted_secret=adopted_secret, actor=actor)


def _outlet(organisation: str, name: str, provider_outlet_id: str | None, actor: Actor) -> Outlet:
    parent = get_or_create_organisation(organisation, actor=actor)
    name = normalised_name(name)
    found = parent.outlets.filter(name=name).first() if is_plain(name) else None
    if found is None:
        return create_outlet(parent, name=name, provider_outlet_id=provider_outlet_id, actor=actor)
    is_enabled = Integration.objects.filter(outlet=found).exists()
    is_other = provider_outlet_id is not None and identity(provider_outlet_id) != identity(found.provider_outlet_id)
    if not is_enabled and is_other:
        raise OutletExists(f"The outlet already exists with the ProviderOutletID {found.provider_outlet_id}.")
    return found
