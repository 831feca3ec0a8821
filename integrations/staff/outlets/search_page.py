"""The results of the search field at the top of each page: outlets by any name or ID, or by a secret's beginning."""

from django.contrib.admin import site
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from integrations.models import Integration, Outlet
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
    }
    return TemplateResponse(request, "staff/outlets/search.html", {**site.each_context(request), **context})


def without_secret(request: HttpRequest) -> HttpResponseRedirect | None:
    """Return a redirect to the same search with the public part of a POS's secret, or None if `q` is not a secret."""
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
