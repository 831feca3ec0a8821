"""Create, change and find organisations and outlets."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from integrations.models import Integration, Organisation, Outlet
from integrations.models.audit import Verb
from integrations.models.outlet import NO_ADDRESS, has_address, is_plain, new_provider_outlet_id
from integrations.services.audit import Actor, record
from integrations.services.errors import InvalidValue, PortalError
from integrations.services.outlets import moves
from integrations.services.outlets.errors import (
    NotEnabled,
    OrganisationExists,
    OutletExists,
    OutletNotFound,
    ProviderOutletIdInUse,
    ProviderOutletIdTaken,
    StillInUse,
)
from integrations.text.characters import identity, is_same_id

NAMES = ("name", "provider_outlet_id")
HOURS = ("opening_hours", "time_zone")


def get_or_create_organisation(name: str, *, actor: Actor) -> Organisation:
    """Return the organisation with this name; create it if needed. Raises InvalidValue or OrganisationExists."""
    organisation = Organisation(name=name)
    check_form(organisation)
    if found := Organisation.objects.filter(name=organisation.name).first():
        return found
    save_organisation(organisation, actor=actor)
    return organisation


def create_outlet(
    organisation: Organisation, *, name: str, provider_outlet_id: str | None = None, actor: Actor
) -> Outlet:
    """Create an outlet. Raises InvalidValue, OutletExists or ProviderOutletIdTaken."""
    outlet = Outlet(
        organisation=organisation,
        name=name,
        provider_outlet_id=provider_outlet_id or new_provider_outlet_id(),
    )
    save_outlet(outlet, actor=actor)
    return outlet


@transaction.atomic
def save_organisation(organisation: Organisation, *, actor: Actor) -> None:
    """Store a new or renamed organisation. No audit event is recorded if nothing changed.

    Raises InvalidValue or OrganisationExists.
    """
    check_form(organisation)
    before = Organisation.objects.select_for_update(no_key=True).filter(pk=organisation.pk).first()
    _save_or_refuse(organisation, OrganisationExists())
    if before is None:
        record(Verb.ORGANISATION_CREATED, organisation, actor=actor)
    elif changes := _changes(before, organisation, ("name", *HOURS)):
        record(Verb.ORGANISATION_CHANGED, organisation, actor=actor, **changes)


@transaction.atomic
def save_outlet(outlet: Outlet, *, actor: Actor) -> None:
    """Store a new or changed outlet. No audit event is recorded if nothing changed.

    Raises InvalidValue, OutletExists, ProviderOutletIdTaken, or ProviderOutletIdInUse if the ID of an enabled outlet
    would change.
    """
    check_form(outlet)
    before = _outlet_before(outlet)
    if _namesakes(outlet).exists():
        raise OutletExists
    if before is None or before.provider_outlet_id != outlet.provider_outlet_id:
        _check_new_id(outlet)
    _save_or_refuse(outlet, ProviderOutletIdTaken())
    if before is None:
        record(Verb.OUTLET_CREATED, outlet, actor=actor, provider_outlet_id=outlet.provider_outlet_id)
    elif changes := _move(before, outlet) | _changes(before, outlet, (*NAMES, "alert_after_minutes", *HOURS)):
        record(Verb.OUTLET_CHANGED, outlet, actor=actor, **changes)


@transaction.atomic
def delete_organisation(organisation: Organisation, *, actor: Actor) -> None:
    """Delete an organisation that has no outlets. Raises StillInUse."""
    record(Verb.ORGANISATION_DELETED, organisation, actor=actor)
    _delete_or_refuse(organisation)


@transaction.atomic
def delete_outlet(outlet: Outlet, *, actor: Actor) -> None:
    """Delete an outlet that was never enabled. Raises StillInUse."""
    record(Verb.OUTLET_DELETED, outlet, actor=actor, provider_outlet_id=outlet.provider_outlet_id)
    _delete_or_refuse(outlet)


def get_integration(provider_outlet_id: str) -> Integration:
    """Return the integration of an outlet. Raises OutletNotFound or NotEnabled."""
    outlet = find_outlet(Outlet.objects.select_related("organisation"), provider_outlet_id)
    if outlet is None:
        raise OutletNotFound
    return integration_of(outlet)


def integration_of(outlet: Outlet) -> Integration:
    """Return the integration of an outlet, enabled or disabled. Raises NotEnabled if it was never enabled."""
    integration = Integration.objects.filter(outlet=outlet).select_related("outlet__organisation").first()
    if integration is None:
        raise NotEnabled
    return integration


def find_outlet(outlets: models.QuerySet[Outlet], provider_outlet_id: str) -> Outlet | None:
    """Return the outlet with this ID, or None.

    IDs match even if they differ in the spelling of a UUID, or in invisible characters at the ends. If an older
    version created two outlets with such IDs, the exact match wins.
    """
    match_id = identity(provider_outlet_id)
    found = list(outlets.filter(match_id=match_id)) if is_plain(match_id) else []
    exact = [outlet for outlet in found if outlet.provider_outlet_id == provider_outlet_id]
    return next(iter(exact or found), None)


def id_conflict(outlet: Outlet, wanted: str | None) -> OutletExists | None:
    """Return an error if `wanted` is not the outlet's ID, or None if it is the outlet's ID or empty."""
    known = outlet.provider_outlet_id
    if not wanted or is_same_id(wanted, known):
        return None
    return OutletExists(f"The outlet exists with the ProviderOutletID {known}: enter that or nothing.")


def fill_match_ids() -> bool:
    """Fill in empty match IDs. Return whether any were filled.

    During an upgrade, processes that still run an older version store rows without a match ID.
    """
    filled = [_fill(Outlet, "provider_outlet_id"), _fill(Integration, "pos_remote_id")]
    return any(filled)


def _fill(model: type[Outlet | Integration], of: str) -> bool:
    rows = model._default_manager.filter(match_id="")  # noqa: SLF001  (Django's documented way to any model's rows)
    ids = {pk: identity(text) for pk, text in rows.values_list("pk", of)[:500]}
    for pk, match_id in ids.items():
        rows.filter(pk=pk).update(match_id=match_id)
    # An ID that has only invisible characters keeps an empty match ID, so each call finds its row again. Such rows do
    # not count as filled.
    return any(ids.values())


def check_form(row: models.Model) -> None:
    """Raise InvalidValue for the first field with an invalid value. Does not check uniqueness."""
    try:
        row.clean_fields(exclude={field.name for field in row._meta.fields if field.is_relation})
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        label = getattr(row._meta.get_field(name), "verbose_name", name)
        raise InvalidValue(name, messages[0], label=label) from error


def _outlet_before(outlet: Outlet) -> Outlet | None:
    before = (
        Outlet.objects.select_for_update(of=("self",), no_key=True)
        .select_related("organisation")
        .filter(pk=outlet.pk)
        .first()
    )
    if before is None or before.provider_outlet_id == outlet.provider_outlet_id:
        return before
    if not Integration.objects.filter(outlet=before).exists():
        return before
    if not is_same_id(before.provider_outlet_id, outlet.provider_outlet_id):
        raise ProviderOutletIdInUse
    outlet.provider_outlet_id = before.provider_outlet_id  # only the spelling differs: keep the stored one
    return before


def _check_new_id(outlet: Outlet) -> None:
    """Raise InvalidValue or ProviderOutletIdTaken. Call this only for a new or changed ID."""
    if not has_address(outlet.provider_outlet_id):
        raise InvalidValue("provider_outlet_id", NO_ADDRESS)
    if _id_sharers(outlet).exists():
        raise ProviderOutletIdTaken


def _namesakes(outlet: Outlet) -> models.QuerySet[Outlet]:
    return Outlet.objects.filter(organisation=outlet.organisation, name=outlet.name).exclude(pk=outlet.pk)


def _id_sharers(outlet: Outlet) -> models.QuerySet[Outlet]:
    return Outlet.objects.filter(match_id=identity(outlet.provider_outlet_id)).exclude(pk=outlet.pk)


def _save_or_refuse(row: models.Model, refusal: PortalError) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise refusal from error


def _delete_or_refuse(row: models.Model) -> None:
    try:
        with transaction.atomic():
            row.delete()
    except IntegrityError as error:  # includes ProtectedError
        raise StillInUse from error


def _move(before: Outlet, after: Outlet) -> dict[str, Any]:
    """Return both organisations' ids if the outlet moved to another organisation.

    The names are left out, because some viewers may see only one of the two organisations (moves.py).
    """
    if before.organisation_id == after.organisation_id:
        return {}
    return {moves.FIELD: {"before": before.organisation_id, "after": after.organisation_id}}


def _changes(before: models.Model, after: models.Model, fields: Sequence[str]) -> dict[str, Any]:
    pairs = {name: (_text_or_empty(getattr(before, name)), _text_or_empty(getattr(after, name))) for name in fields}
    return {name: {"before": old, "after": new} for name, (old, new) in pairs.items() if old != new}


def _text_or_empty(value: object) -> str:
    return "" if value is None else str(value)
