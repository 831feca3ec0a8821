from django.urls import path

from integrations.pos.views import AuthView

# Both with and without the trailing slash, because a POST that is redirected loses its body. The last is handed over.
AUTH_PATHS = ("/api/powerepos/v1/auth/", "/api/powerepos/v1/auth")

urlpatterns = [path(each.removeprefix("/"), AuthView.as_view(), name="pos-auth") for each in AUTH_PATHS]
