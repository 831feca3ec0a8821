"""Creates a demo to try the portal: an organisation with three outlets, an API key, and message type numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction

from integrations.models import ApiKey, MessageType, Organisation
from integrations.services.api_keys.api_keys import create_api_key
from integrations.services.audit import Actor
from integrations.services.errors import PortalError
from integrations.services.handover.handover import HandOver
from integrations.services.integration.enabling import enable_outlet
from integrations.services.outlets.outlets import create_outlet, get_or_create_organisation
from integrations.services.requests.message_types import save_message_type

ORGANISATION = "Demo"
API_KEY = "Demo"
# The POS of the outlet OFFLINE is not simulated, because the demo needs one outlet that is offline.
ONLINE, OFFLINE = ("Harbour", "Airport"), "Station"
OUTLETS = (*ONLINE, OFFLINE)


class DemoExists(PortalError):
    message = (
        "The demo already exists: there is an organisation or an API key named Demo. Nothing was changed. "
        "To create it again, start with an empty database."
    )


@dataclass(frozen=True)
class Demo:
    """The created demo. Its secrets are in plain text here, and cannot be read again later."""

    handovers: list[HandOver] = field(repr=False)
    api_key: str = field(repr=False)


def demo_exists() -> bool:
    """Return whether any part of the demo exists, even a retired API key."""
    return Organisation.objects.filter(name=ORGANISATION).exists() or ApiKey.objects.filter(name=API_KEY).exists()


@transaction.atomic
def create_demo(numbers: Mapping[str, int], *, actor: Actor) -> Demo:
    """Create the complete demo or nothing. `numbers` are assigned to message types without a number.

    Raises DemoExists, or the errors of create_outlet and enable_outlet if a name is taken.
    """
    if demo_exists():
        raise DemoExists
    organisation = get_or_create_organisation(ORGANISATION, actor=actor)
    handovers = [_enabled(organisation, name, actor) for name in OUTLETS]
    _, api_key = create_api_key(API_KEY, organisation=organisation, actor=actor)
    for name, number in numbers.items():
        _assign_number(name, number, actor)
    return Demo(handovers, api_key)


def provider_outlet_id(outlet: str) -> str:
    """Return the ProviderOutletID of one of the demo's outlets: a fixed value, which the documentation uses."""
    return f"demo-{outlet.lower()}"


def _enabled(organisation: Organisation, name: str, actor: Actor) -> HandOver:
    outlet = create_outlet(organisation, name=name, provider_outlet_id=provider_outlet_id(name), actor=actor)
    return enable_outlet(outlet, pos_remote_id=f"Demo-{name}", actor=actor)


def _assign_number(name: str, number: int, actor: Actor) -> None:
    message_type = MessageType.objects.filter(name=name, number=None).first()
    if message_type is None or MessageType.objects.filter(number=number).exists():
        return
    message_type.number = number
    save_message_type(message_type, actor=actor)
