"""Suggests organisations while a person types a name on the page "Enable an outlet". That page lists at most 500."""

from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse

from integrations.models import Organisation
from integrations.services.people import scope
from integrations.staff.base import rights
from integrations.staff.base.lookups import check_search
from integrations.text.characters import normalised_name

MOST = 20  # names in one answer


def suggest(request: HttpRequest) -> JsonResponse:
    """Return the names of visible organisations that contain the text `q` of the URL. Raises LookupRefused."""
    if not rights.may_enable_new(request):
        raise PermissionDenied
    check_search(text := request.GET.get(SEARCH_VAR, ""))
    seen = scope.limit(Organisation.objects.all(), request.user, "pk")
    return JsonResponse(
        {"names": list(seen.filter(name__icontains=normalised_name(text)).values_list("name", flat=True)[:MOST])}
    )
