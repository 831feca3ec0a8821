"""The results of the search field at the top of each page: outlets found by a name, an ID or a secret's beginning."""

from collections.abc import Iterator

from django.contrib.admin import site
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from integrations.models import AuthAttempt, Integration, Outlet, Request
from integrations.models.clock import shared_now
from integrations.services.outlets.search import outlet_found_by, public_part
from integrations.services.people import scope
from integrations.staff.base import rights
from integrations.staff.base.lookups import check_search
from integrations.staff.base.presentation import standing_of

MOST = 50  # outlets on the page
SEARCH_HELP = (
    "Name of the outlet or of its organisation, ProviderOutletID, POSRemoteID, also as sent by a refused till, or the "
    "first characters of its secret, as its page shows them (ONPS-…)"
)


def search(request: HttpRequest) -> HttpResponse:
    """Return the page with the outlets that match the text `q` of the URL. Raises LookupRefused."""
    if not rights.may_see(request, Outlet):
        raise PermissionDenied
    text = request.GET.get(SEARCH_VAR, "").strip()
    check_search(text)
    if shortened := without_secret(request):
        return shortened
    found = list(_matching(request, text)[: MOST + 1]) if text else []
    now = shared_now()
    rows = [(outlet, standing_of(Integration.of(outlet), now)) for outlet in found[:MOST]]
    context = {
        "title": "Find an outlet",
        "text": text,
        "rows": rows,
        "has_more": len(found) > MOST,
        "most": MOST,
        "help": SEARCH_HELP,
        "elsewhere": list(_other_lists(request, text)) if text else [],
    }
    return TemplateResponse(request, "staff/outlets/search.html", {**site.each_context(request), **context})


def _other_lists(request: HttpRequest, text: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each list that can have rows without an outlet, and the URL that searches it for `text`."""
    for model in (Request, AuthAttempt):
        if rights.may_see(request, model):
            view = f"admin:integrations_{model._meta.model_name}_changelist"
            yield str(model._meta.verbose_name_plural), reverse(view, query={SEARCH_VAR: text})


def without_secret(request: HttpRequest) -> HttpResponseRedirect | None:
    """If `q` is a POS's secret, return a redirect that searches for the secret's public part only; otherwise None."""
    text = request.GET.get(SEARCH_VAR, "").strip()
    if public_part(text) == text:
        return None
    shortened = request.GET.copy()
    shortened[SEARCH_VAR] = public_part(text)
    return HttpResponseRedirect(f"{request.path}?{shortened.urlencode()}")


def _matching(request: HttpRequest, text: str) -> QuerySet[Outlet]:
    seen = scope.limit(Outlet.objects.all(), request.user, "organisation")
    rows = seen.filter(outlet_found_by(text)).order_by("organisation__name", "name", "pk")
    return rows.select_related("organisation", "integration__presence__connection__process")
