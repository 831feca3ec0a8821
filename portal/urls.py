from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from integrations.wire.endpoints import API_PATH, HANDOVER_PATH

handler400 = "portal.web.errors.bad_request"
handler404 = "portal.web.errors.not_found"
handler500 = "portal.web.errors.server_error"

# The POS's endpoints are not here, because integrations/pos/paths.py matches them, tolerantly, before Django runs.
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path(API_PATH.removeprefix("/"), include("integrations.backend.urls")),
    path(HANDOVER_PATH.removeprefix("/"), include("integrations.recipient.urls")),
    # This comes first, because its pages replace those of the admin.
    path("admin/", include("integrations.staff.signing_in.urls")),
    path("admin/", admin.site.urls),
]
