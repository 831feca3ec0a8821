from django.urls import re_path

from integrations.pos.views import AuthView

# Both with and without the trailing slash, because a POST that is redirected loses its body.
AUTH_PATTERN = r"^api/powerepos/v1/auth/?\Z"

urlpatterns = [re_path(AUTH_PATTERN, AuthView.as_view(), name="pos-auth")]
