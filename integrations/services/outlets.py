"""Make and find organisations and outlets."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from integrations.exceptions import (
    InvalidValue,
    NotEnabled,
    OutletExists,
    OutletNotFound,
    ProviderOutletIdTaken,
)
from integrations.models import Integration, Organisation, Outlet
from integrations.models.audit import Verb
from integrations.models.outlet import new_provider_outlet_id
from integrations.services.audit import Actor, record


@transaction.atomic
def get_or_create_organisation(name: str, *, actor: Actor) -> Organisation:
    """Return the organisation of that name, made if there is none. Raises InvalidValue."""
    if found := Organisation.objects.filter(name=name).first():
        return found
    organisation = Organisation(name=name)
    check_form(organisation)
    organisation.save()
    record(Verb.ORGANISATION_CREATED, organisation, actor=actor)
    return organisation


@transaction.atomic
def create_outlet(
    organisation: Organisation, *, name: str, provider_outlet_id: str | None = None, actor: Actor
) -> Outlet:
    """Make an outlet. Raises InvalidValue, OutletExists or ProviderOutletIdTaken."""
    outlet = Outlet(
        organisation=organisation,
        name=name,
        provider_outlet_id=provider_outlet_id or new_provider_outlet_id(),
    )
    check_form(outlet)
    if organisation.outlets.filter(name=name).exists():
        raise OutletExists
    try:
        with transaction.atomic():
            outlet.save()
    except IntegrityError as error:
        raise ProviderOutletIdTaken from error
    record(Verb.OUTLET_CREATED, outlet, actor=actor, provider_outlet_id=outlet.provider_outlet_id)
    return outlet


def get_integration(provider_outlet_id: str) -> Integration:
    """Return the integration of an outlet. Raises OutletNotFound or NotEnabled."""
    outlet = Outlet.objects.select_related("organisation").filter(provider_outlet_id=provider_outlet_id).first()
    if outlet is None:
        raise OutletNotFound
    integration = Integration.objects.filter(outlet=outlet).select_related("outlet__organisation").first()
    if integration is None:
        raise NotEnabled
    return integration


def check_form(row: models.Model) -> None:
    """Raise InvalidValue for the first field whose value has the wrong form; uniqueness is not looked at."""
    try:
        row.clean_fields(exclude={field.name for field in row._meta.fields if field.is_relation})
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        label = getattr(row._meta.get_field(name), "verbose_name", name)
        raise InvalidValue(name, f"{label}: {messages[0]}") from error
