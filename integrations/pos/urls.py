from django.urls import path

from integrations.pos.paths import AUTH_PATHS
from integrations.pos.views import AuthView

urlpatterns = [path(each.removeprefix("/"), AuthView.as_view(), name="pos-auth") for each in AUTH_PATHS]
