"""Enable an outlet given by its name and its organisation's name; create the outlet and the organisation if missing."""

from dataclasses import dataclass

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from integrations.models import Integration, Organisation, Outlet
from integrations.models.outlet import is_plain
from integrations.services.audit import Actor
from integrations.services.handover.handover import HandOver
from integrations.services.integration import enabling, pos_secrets
from integrations.services.outlets.outlets import create_outlet, get_or_create_organisation, id_conflict
from integrations.text.characters import normalised_name


@dataclass(frozen=True)
class OutletNames:
    """The names of an outlet. Without a `provider_outlet_id`, a new outlet gets a random UUID."""

    organisation: str
    outlet: str
    provider_outlet_id: str | None = None


@sensitive_variables()
def enable_by_name(
    names: OutletNames, *, pos_remote_id: str, adopted_secret: str | None = None, actor: Actor
) -> HandOver:
    """Enable the outlet and return the values for PowerEPOS; create the organisation and the outlet if needed.

    Everything is stored, or nothing. Raises OutletExists if the outlet has another ProviderOutletID. Also raises
    ProviderOutletIdTaken, OrganisationExists and the errors of enabling.enable_outlet.
    """
    # Hash before the transaction, because hashing is slow, and a transaction blocks other writers.
    secret = pos_secrets.new_secret(adopted_secret)
    with transaction.atomic():
        outlet = _get_or_create_outlet(get_or_create_organisation(names.organisation, actor=actor), names, actor)
        return enabling.enable_with(outlet, secret, pos_remote_id=pos_remote_id, actor=actor)


def find_by_name(names: OutletNames) -> Outlet | None:
    """Return the existing outlet with these names, or None."""
    organisation, outlet = normalised_name(names.organisation), normalised_name(names.outlet)
    if not (is_plain(organisation) and is_plain(outlet)):
        return None
    rows = Outlet.objects.select_related("organisation", "integration")
    return rows.filter(organisation__name=organisation, name=outlet).first()


def _get_or_create_outlet(organisation: Organisation, names: OutletNames, actor: Actor) -> Outlet:
    found, wanted = find_by_name(names), names.provider_outlet_id
    if found is None:
        name = normalised_name(names.outlet)
        return create_outlet(organisation, name=name, provider_outlet_id=wanted, actor=actor)
    conflict = id_conflict(found, wanted)
    if conflict and not Integration.objects.filter(outlet=found).exists():
        raise conflict
    return found
