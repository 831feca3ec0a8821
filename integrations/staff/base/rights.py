"""The permission checks of the staff pages, in one place."""

from django.contrib.admin import site
from django.db.models import Model
from django.http import HttpRequest

from integrations.models import Organisation


def may_enable(request: HttpRequest) -> bool:
    """Return whether this person may enable Order N Pay on an outlet."""
    return request.user.has_perm("integrations.add_integration")


def may_enable_new(request: HttpRequest) -> bool:
    """Return whether this person may create an outlet and enable Order N Pay on it."""
    return may_enable(request) and request.user.has_perm("integrations.add_outlet")


def may_add_organisation(request: HttpRequest) -> bool:
    """Return whether this person may create an organisation. Limited staff may not, because they would not see it."""
    return site.get_model_admin(Organisation).has_add_permission(request)


def may_act(request: HttpRequest) -> bool:
    """Return whether this person may disable, re-enable and disconnect outlets, rotate secrets and set POSRemoteIDs."""
    return request.user.has_perm("integrations.change_integration")


def may_ask(request: HttpRequest) -> bool:
    """Return whether this person may send requests to the POSes of the outlets that they see."""
    return request.user.has_perm("integrations.ask_pos")


def may_create(request: HttpRequest, model: type[Model]) -> bool:
    """Return whether this person may create an API key or a webhook endpoint, and thus see the new secret."""
    return request.user.has_perm(f"integrations.add_{model._meta.model_name}")


def may_change(request: HttpRequest, model: type[Model]) -> bool:
    """Return whether this person may change an API key or a webhook endpoint."""
    return request.user.has_perm(f"integrations.change_{model._meta.model_name}")


def may_see_payload(request: HttpRequest) -> bool:
    """Return whether this person may see the content of requests, answers and unrecognised frames."""
    return request.user.has_perm("integrations.view_payload")


def may_change_people(request: HttpRequest) -> bool:
    """Return whether this person may change colleagues with no more rights and organisations than this person has."""
    return request.user.has_perm("auth.change_user")


def may_see(request: HttpRequest, model: type[Model]) -> bool:
    """Return whether this person may open the list and the pages of this model's rows."""
    return site.get_model_admin(model).has_view_or_change_permission(request)
