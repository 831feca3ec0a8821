"""Reads and changes the organisations that the caller's key may see. Runs in database threads."""

from typing import Any

from django.db.models import QuerySet

from integrations.backend.base.api_key_authentication import Caller
from integrations.backend.base.pagination import OLDEST_FIRST, page_of
from integrations.backend.base.problems import LIMITED_KEY, UNKNOWN_ORGANISATION, Problem
from integrations.backend.organisations.serializers import OrganisationSerializer
from integrations.models import Organisation
from integrations.services.audit import Actor
from integrations.services.outlets import outlets
from integrations.services.rows.keyset_pages import Position
from integrations.text.characters import normalised_name
from integrations.wire.plain_http import PlainRequest


def organisations_page(caller: Caller, request: PlainRequest) -> tuple[list[Organisation], Position | None]:
    """Return a page of organisations in order of creation. Raises Problem."""
    rows = _organisations_of(caller)
    if "name" in request.query:
        rows = rows.filter(name=normalised_name(str(request.query["name"])))
    return page_of(rows, request, order=OLDEST_FIRST)


def get_organisation(caller: Caller, organisation_id: int, *, is_locked: bool = False) -> Organisation:
    """Return an organisation that the caller may see. `is_locked` locks it in this transaction. Raises Problem."""
    rows = _organisations_of(caller)
    found = (rows.select_for_update(no_key=True) if is_locked else rows).filter(pk=organisation_id).first()
    if found is None:
        raise Problem(UNKNOWN_ORGANISATION)
    return found


def create(caller: Caller, *, actor: Actor, **values: Any) -> Any:
    """Create an organisation and return it. Raises Problem or a refusal from save_organisation."""
    if caller.organisation_id is not None:
        raise Problem(LIMITED_KEY)
    organisation = Organisation(**values)
    outlets.save_organisation(organisation, actor=actor)
    return OrganisationSerializer(organisation).data


def change(caller: Caller, organisation_id: int, *, actor: Actor, **values: Any) -> Any:
    """Change the given fields, and return the organisation. Raises Problem or a refusal from save_organisation."""
    organisation = get_organisation(caller, organisation_id, is_locked=True)
    for name, value in values.items():
        setattr(organisation, name, value)
    outlets.save_organisation(organisation, actor=actor)
    return OrganisationSerializer(organisation).data


def delete(caller: Caller, organisation_id: int, *, actor: Actor) -> Any:
    """Delete an unused organisation, and return it as it was. Raises Problem or StillInUse."""
    organisation = get_organisation(caller, organisation_id, is_locked=True)
    content = OrganisationSerializer(organisation).data
    outlets.delete_organisation(organisation, actor=actor)
    return content


def _organisations_of(caller: Caller) -> QuerySet[Organisation]:
    rows = Organisation.objects.all()
    return rows if caller.organisation_id is None else rows.filter(pk=caller.organisation_id)
