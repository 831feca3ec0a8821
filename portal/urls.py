from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

handler400 = "portal.web.errors.bad_request"
handler404 = "portal.web.errors.not_found"
handler500 = "portal.web.errors.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("", include("integrations.pos.urls")),
    path("api/v1/", include("integrations.backend.urls")),
    path("handover/", include("integrations.recipient.urls")),
    path("admin/", include("integrations.staff.signing_in.urls")),  # first: its pages take the place of the admin's
    path("admin/", admin.site.urls),
]
