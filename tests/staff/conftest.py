"""Signed-in browsers for the staff pages, and an API key shown on them."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from integrations.models import ApiKey
from integrations.services.api_keys.api_keys import create_api_key
from tests.support.factories import ANNA


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", password="boss-password")


@pytest.fixture
def staff(client: Client, boss: User) -> Client:
    """A browser signed in as a person with every permission."""
    client.force_login(boss)
    return client


@pytest.fixture
def key(db: None) -> ApiKey:
    return create_api_key("kiosk", actor=ANNA)[0]
