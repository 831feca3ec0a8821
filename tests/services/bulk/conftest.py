"""A fixture: the person who runs the bulk actions of the tests."""

import pytest
from django.contrib.auth.models import User

from integrations.services.audit import Actor


@pytest.fixture
def boss() -> Actor:
    return Actor("boss", User.objects.create_superuser("boss"), "192.0.2.1")
