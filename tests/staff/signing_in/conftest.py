"""An OpenID Connect provider, and a person with an account there."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from integrations.services.people.groups import OPERATOR, ensure_groups
from tests.staff.people.test_staff_people import make_person
from tests.staff.signing_in.oidc_sign_in import ADDRESS
from tests.support.servers.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider, oidc_provider


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    """A provider that the portal trusts and that authenticates anna."""
    claims = {"sub": "subject-1", "email": ADDRESS, "email_verified": True, "preferred_username": "anna.b"}
    with oidc_provider(**claims) as running:
        app = {
            "provider_id": "oidc",
            "name": "Example ID",
            "client_id": CLIENT_ID,
            "secret": CLIENT_SECRET,
            "settings": {"server_url": running.url},
        }
        settings.OIDC_SERVER_URL, settings.OIDC_NAME = running.url, "Example ID"
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
        settings.PUBLIC_URL = "http://testserver"
        yield running


@pytest.fixture
def anna(db: None) -> User:
    ensure_groups()
    anna = make_person("anna", OPERATOR)
    User.objects.update(email="Anna@Example.com")
    anna.refresh_from_db()
    return anna
