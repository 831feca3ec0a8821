"""Changes outlets through the same services as the portal's pages. Each function runs in one transaction.

The functions run in database threads and return the content of the answer. They raise Problem if the caller may not see
the outlet. A service that refuses a change raises its own error.
"""

from concurrent.futures import Future
from typing import Any

from django.views.decorators.debug import sensitive_variables

from integrations.backend.base.api_key_authentication import Caller
from integrations.backend.organisations.rows import get_organisation
from integrations.backend.outlets.rows import get_integration, get_outlet, outlets_of
from integrations.backend.outlets.serializers import WholeOutletSerializer
from integrations.models import Outlet
from integrations.services.audit import Actor
from integrations.services.handover.handover import HandOver
from integrations.services.integration import disconnecting, enabling, pos_secrets
from integrations.services.integration.pos_secrets import NewSecret
from integrations.services.outlets import outlets


@sensitive_variables()
def create(
    caller: Caller,
    *,
    organisation_id: int,
    secret: Future[NewSecret] | None,
    pos_remote_id: str = "",
    actor: Actor,
    **values: Any,
) -> dict[str, Any]:
    """Create an outlet; if `secret` is given, also enable the outlet."""
    outlet = Outlet(organisation=get_organisation(caller, organisation_id), **values)
    outlets.save_outlet(outlet, actor=actor)
    if secret is None:
        return content_of(caller, outlet.pk) | {"handover": None}
    handover = enabling.enable_with(outlet, secret.result(), pos_remote_id=pos_remote_id, actor=actor)
    return _with_values(caller, outlet.pk, handover)


def change(caller: Caller, provider_outlet_id: str, /, *, actor: Actor, **values: Any) -> dict[str, Any]:
    """Change the given fields; `organisation_id` moves the outlet."""
    found = get_outlet(caller, provider_outlet_id)
    rows = Outlet.objects.select_related("organisation").select_for_update(of=("self",), no_key=True)
    outlet = rows.get(pk=found.pk)
    if "organisation_id" in values:
        outlet.organisation = get_organisation(caller, values.pop("organisation_id"))
    for name, value in values.items():
        setattr(outlet, name, value)
    outlets.save_outlet(outlet, actor=actor)
    return content_of(caller, outlet.pk)


def delete(caller: Caller, provider_outlet_id: str, *, actor: Actor) -> dict[str, Any]:
    """Delete an outlet that was never enabled; return it as it was."""
    outlet = get_outlet(caller, provider_outlet_id)
    content = content_of(caller, outlet.pk)
    outlets.delete_outlet(outlet, actor=actor)
    return content


@sensitive_variables()
def enable(
    caller: Caller, provider_outlet_id: str, *, secret: Future[NewSecret], pos_remote_id: str, actor: Actor
) -> dict[str, Any]:
    outlet = get_outlet(caller, provider_outlet_id)
    handover = enabling.enable_with(outlet, secret.result(), pos_remote_id=pos_remote_id, actor=actor)
    return _with_values(caller, outlet.pk, handover)


def disable(caller: Caller, provider_outlet_id: str, *, reason: str, actor: Actor) -> dict[str, Any]:
    integration = get_integration(caller, provider_outlet_id)
    enabling.disable(integration, reason=reason, actor=actor)
    return content_of(caller, integration.outlet_id)


def reenable(caller: Caller, provider_outlet_id: str, *, reason: str = "", actor: Actor) -> dict[str, Any]:
    integration = get_integration(caller, provider_outlet_id)
    enabling.reenable(integration, reason=reason, actor=actor)
    return content_of(caller, integration.outlet_id)


@sensitive_variables()
def rotate_secret(caller: Caller, provider_outlet_id: str, *, overlap: str = "0", actor: Actor) -> dict[str, Any]:
    integration = get_integration(caller, provider_outlet_id)
    handover = pos_secrets.rotate_secret(integration, overlap=overlap, actor=actor)
    return _with_values(caller, integration.outlet_id, handover)


@sensitive_variables()
def replace_unused_secret(caller: Caller, provider_outlet_id: str, *, actor: Actor) -> dict[str, Any]:
    integration = get_integration(caller, provider_outlet_id)
    return _with_values(caller, integration.outlet_id, pos_secrets.replace_unused_secret(integration, actor=actor))


def end_overlap(caller: Caller, provider_outlet_id: str, *, actor: Actor) -> dict[str, Any]:
    integration = get_integration(caller, provider_outlet_id)
    pos_secrets.end_overlap(integration, actor=actor)
    return content_of(caller, integration.outlet_id)


def disconnect(caller: Caller, provider_outlet_id: str, *, reason: str = "", actor: Actor) -> dict[str, Any]:
    integration = get_integration(caller, provider_outlet_id)
    disconnecting.disconnect(integration, reason=reason, actor=actor)
    return content_of(caller, integration.outlet_id)


def change_pos_remote_id(
    caller: Caller, provider_outlet_id: str, *, pos_remote_id: str, actor: Actor
) -> dict[str, Any]:
    integration = get_integration(caller, provider_outlet_id)
    enabling.change_pos_remote_id(integration, pos_remote_id=pos_remote_id, actor=actor)
    return content_of(caller, integration.outlet_id)


def get(caller: Caller, provider_outlet_id: str) -> dict[str, Any]:
    """Return an outlet with the data about its secrets."""
    return dict(WholeOutletSerializer(get_outlet(caller, provider_outlet_id)).data)


def content_of(caller: Caller, outlet_pk: int) -> dict[str, Any]:
    """Return an outlet as it is now."""
    return dict(WholeOutletSerializer(outlets_of(caller).get(pk=outlet_pk)).data)


@sensitive_variables()
def _with_values(caller: Caller, outlet_pk: int, handover: HandOver) -> dict[str, Any]:
    return content_of(caller, outlet_pk) | {"handover": handover.as_wire()}
