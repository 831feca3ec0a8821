"""Create members of staff limited to one organisation."""

from django.contrib.auth.models import User
from django.test import Client

from integrations.models import Organisation, StaffLimit
from tests.support.staff.pages import client_of


def limited_to(organisation: Organisation, *rights: str) -> Client:
    client = client_of(*rights)
    StaffLimit.objects.create(user=User.objects.latest("pk")).organisations.set([organisation])
    return client
