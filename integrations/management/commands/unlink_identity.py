from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.core.management.base import CommandParser

from integrations.management.outlet_commands import OutletCommand
from integrations.services.audit import Actor
from integrations.services.people import unlinking
from integrations.services.people.identities import identities_of, in_words
from integrations.services.people.people import get_person


class Command(OutletCommand):
    help = "Unlink a person's OpenID Connect identities, and end all sessions of that person."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", metavar="USERNAME")
        parser.add_argument("--provider", metavar="ID", default="", help="only identities of this provider")

    def handle(self, *_args: Any, **options: Any) -> None:
        for identity in self.call_service(_unlink, options["username"], provider=options["provider"]):
            what_next = unlinking.prospect_of(identity).words(identity.user)
            self.stderr.write(f"Unlinked {in_words(identity)}, sessions ended. {what_next}")


def _unlink(username: str, *, provider: str, actor: Actor) -> list[SocialAccount]:
    person = get_person(username)
    linked = identities_of(person)
    found = list(linked.filter(provider=provider) if provider else linked)
    unlinking.unlink(person, found, actor=actor)
    return found
