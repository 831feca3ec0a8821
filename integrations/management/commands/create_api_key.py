from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from integrations.management.outlet_commands import OutletCommand, add_format, print_api_key
from integrations.models import ApiKey, Organisation
from integrations.models.api_key import DEFAULT_SCOPES, READING_SCOPES, Scope
from integrations.models.clock import shared_now
from integrations.services.api_keys.api_keys import create_api_key
from integrations.services.audit import Actor
from integrations.services.errors import InvalidValue
from integrations.services.outlets.errors import OrganisationNotFound

MAX_DAYS = 36_500


class Command(OutletCommand):
    help = "Create an API key for your own systems and print it. It is shown only once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--organisation", metavar="NAME", help="the only organisation that it sees; default: all")
        _add_scopes(parser)
        parser.add_argument(
            "--network",
            action="append",
            default=[],
            metavar="CIDR",
            help="the only network from which it may be used; repeat for several networks; default: any address",
        )
        parser.add_argument(
            "--calls-per-second",
            type=int,
            metavar="N",
            help="how many calls it may send per second; default: API_CALLS_PER_SECOND",
        )
        parser.add_argument(
            "--calls-burst",
            type=int,
            metavar="N",
            help="how many calls it may send at once; default: twice its calls per second",
        )
        parser.add_argument("--expires-in-days", type=int, metavar="N", help="default: the key does not expire")
        add_format(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        key, text = self.call_service(
            _create,
            options["name"],
            organisation=options["organisation"],
            scopes=options["scope"] or DEFAULT_SCOPES,
            networks=options["network"],
            calls_per_second=options["calls_per_second"],
            calls_burst=options["calls_burst"],
            days=options["expires_in_days"],
        )
        print_api_key(self, key.name, text, options["format"])


def _create(
    name: str, *, organisation: str | None, days: int | None, actor: Actor, **limits: Any
) -> tuple[ApiKey, str]:
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise InvalidValue("expires_at", f"An API key can expire after 1 to {MAX_DAYS} days.")
    return create_api_key(
        name,
        organisation=_organisation(organisation) if organisation is not None else None,
        expires_at=shared_now() + timedelta(days=days) if days is not None else None,
        actor=actor,
        **limits,
    )


def _organisation(name: str) -> Organisation:
    found = Organisation.objects.filter(name=name).first()
    if found is None:
        raise OrganisationNotFound
    return found


def _add_scopes(parser: CommandParser) -> None:
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--scope",
        action="append",
        choices=Scope.values,
        help=f"what it may do; repeat for several scopes; default: {', '.join(DEFAULT_SCOPES)}",
    )
    chosen.add_argument(
        "--read-only",
        action="store_const",
        dest="scope",
        const=list(READING_SCOPES),
        help=f"the same as the scopes {' and '.join(READING_SCOPES)}",
    )
