from typing import Any

from django.core.management.base import CommandError, CommandParser

from integrations.management.outlet_commands import OutletCommand, add_format
from integrations.models import Integration
from integrations.services.audit import Actor
from integrations.services.handover.handover import HandOver
from integrations.services.integration.pos_secrets import end_overlap, replace_unused_secret, rotate_secret
from integrations.services.outlets.outlets import get_integration
from integrations.services.overlaps import OVERLAPS


class Command(OutletCommand):
    help = "Replace an outlet's secret and print the values for PowerEPOS, or end the overlap of the old secret."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider_outlet_id", metavar="PROVIDER_OUTLET_ID")
        parser.add_argument(
            "--overlap",
            choices=tuple(OVERLAPS),
            default=None,
            help="how long the old secret stays valid; default: 0, it ends now",
        )
        parser.add_argument("--end-overlap", action="store_true", help="only retire the old secret, now")
        parser.add_argument(
            "--replace-unused",
            action="store_true",
            help="replace the new secret of an overlap, if no POS has used it; the old one stays valid",
        )
        add_format(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["end_overlap"] and options["overlap"] is not None:
            raise CommandError("--end-overlap only retires the old secret. Use it without --overlap.", returncode=2)
        if options["replace_unused"] and (options["end_overlap"] or options["overlap"] is not None):
            raise CommandError("Use --replace-unused without --overlap and --end-overlap.", returncode=2)
        outlet_id = options["provider_outlet_id"]
        if options["end_overlap"]:
            self.call_service(_end_overlap, outlet_id)
            self.stderr.write("The old secret is retired.")
            return
        if options["replace_unused"]:
            handover = self.call_service(_replace_unused, outlet_id)
        else:
            handover = self.call_service(_rotate, outlet_id, overlap=options["overlap"] or "0")
        self.print_handover(handover, options["format"])


def _rotate(provider_outlet_id: str, *, overlap: str, actor: Actor) -> HandOver:
    return rotate_secret(get_integration(provider_outlet_id), overlap=overlap, actor=actor)


def _replace_unused(provider_outlet_id: str, *, actor: Actor) -> HandOver:
    return replace_unused_secret(get_integration(provider_outlet_id), actor=actor)


def _end_overlap(provider_outlet_id: str, *, actor: Actor) -> Integration:
    integration = get_integration(provider_outlet_id)
    end_overlap(integration, actor=actor)
    return integration
