from typing import Any

from django.core.management.base import CommandError, CommandParser

from integrations.management.outlet_commands import OutletCommand, add_format, print_api_key
from integrations.services.api_keys.api_keys import end_api_key_overlap, get_api_key, rotate_api_key
from integrations.services.audit import Actor
from integrations.services.overlaps import OVERLAPS


class Command(OutletCommand):
    help = "Replace an API key and print the new one, or end the overlap of the old secret."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument(
            "--overlap",
            choices=tuple(OVERLAPS),
            default=None,
            help="how long the old secret stays valid; default: 0, it ends now",
        )
        parser.add_argument("--end-overlap", action="store_true", help="only retire the old secret, now")
        add_format(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["end_overlap"] and options["overlap"] is not None:
            raise CommandError("--end-overlap only retires the old secret. Use it without --overlap.", returncode=2)
        if options["end_overlap"]:
            self.call_service(_end_overlap, options["name"])
            self.stderr.write("The old secret is retired.")
            return
        text = self.call_service(_rotate, options["name"], overlap=options["overlap"] or "0")
        print_api_key(self, options["name"], text, options["format"])


def _rotate(name: str, *, overlap: str, actor: Actor) -> str:
    return rotate_api_key(get_api_key(name), overlap=overlap, actor=actor)


def _end_overlap(name: str, *, actor: Actor) -> None:
    end_api_key_overlap(get_api_key(name), actor=actor)
