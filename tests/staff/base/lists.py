"""URLs of the staff lists, and browsers signed in to open them."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils.http import urlencode

from integrations.backend.base.api_key_authentication import Caller
from integrations.models import StaffLimit
from integrations.services.people.groups import ADMINISTRATOR
from tests.support.factories import BELLA, make_organisation

LONG_LISTS = ("request", "connection", "authattempt", "unrecognisedframe", "auditevent", "delivery")
LATER = "2099-01-01T00:00:00+00:00"


def sign_in(name: str) -> Client:
    """Sign in a browser as a new administrator of this name. The one named "limited" sees only Trattoria Bella."""
    person = User.objects.create_user(name, is_staff=True)
    person.groups.add(Group.objects.get(name=ADMINISTRATOR))
    if name == "limited":
        StaffLimit.objects.create(user=person).organisations.add(make_organisation(BELLA))
    client = Client()
    client.force_login(person)
    return client


def url_of(name: str, **parameters: Any) -> str:
    return f"{reverse(f'admin:integrations_{name}_changelist')}?{urlencode(parameters)}"


def caller(organisation: int | None) -> Caller:
    return Caller(0, "", "", None, None, 1, organisation, "[]", "[]", "kiosk")
