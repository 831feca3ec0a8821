import json
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser

from integrations.management.outlet_commands import OutletCommand, add_format
from integrations.models import Organisation, WebhookEndpoint
from integrations.services.audit import Actor
from integrations.services.notices.webhooks import SUBSCRIBABLE, create_endpoint
from integrations.services.outlets.errors import OrganisationNotFound


class Command(OutletCommand):
    help = "Create a webhook endpoint for your own systems and print its secret. The secret is shown only once."

    def add_arguments(self, parser: CommandParser) -> None:
        kinds = [kind.value for kind in SUBSCRIBABLE]
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("url", metavar="URL", help="the URL that events are posted to")
        parser.add_argument(
            "--event", action="append", choices=kinds, dest="kinds", help="may be repeated; default: all events"
        )
        parser.add_argument("--organisation", metavar="NAME", help="only events of this organisation; default: all")
        add_format(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        endpoint, secret = self.call_service(
            _create,
            options["name"],
            url=options["url"],
            kinds=options["kinds"] or SUBSCRIBABLE,
            organisation=options["organisation"],
        )
        if options["format"] == "json":
            self.stdout.write(json.dumps({"Name": endpoint.name, "URL": endpoint.url, "Secret": secret}))
            return
        self.stdout.write(f"{endpoint.name}: {endpoint.url}\nSecret  {secret}\nThe secret is shown only once.")


def _create(
    name: str, *, url: str, kinds: Sequence[str], organisation: str | None, actor: Actor
) -> tuple[WebhookEndpoint, str]:
    found = Organisation.objects.filter(name=organisation).first() if organisation is not None else None
    if organisation is not None and found is None:
        raise OrganisationNotFound
    return create_endpoint(name, url=url, kinds=kinds, organisation=found, actor=actor)
