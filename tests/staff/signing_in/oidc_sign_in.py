"""Sign in by OpenID Connect as a browser does."""

from typing import Any

import httpx2
from django.test import Client
from django.urls import reverse

from integrations.models import AuditEvent
from integrations.models.audit import Verb

BEGIN, LINK, CALLBACK = reverse("oidc_login"), reverse("oidc_link"), reverse("oidc_callback")
ADDRESS = "anna@example.com"


def sign_in_with_oidc(client: Client, begin: str = BEGIN, **form: str) -> Any:
    """Click the button, follow the redirects to the provider and back, and return the portal's response."""
    redirect = client.post(begin, form)
    assert redirect.status_code == 302, redirect.content
    back = httpx2.get(redirect["Location"], trust_env=False, verify=False, follow_redirects=False).headers["Location"]
    return client.get(back.removeprefix("http://testserver"))


def events(verb: Verb) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(verb=verb).order_by("pk"))
