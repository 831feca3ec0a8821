"""Finds the person who made a request, as the actor of audit events."""

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from integrations.services.audit import Actor
from integrations.text.client_address import address_of


def actor_of(request: HttpRequest) -> Actor:
    """Return the signed-in person with the client address of the request."""
    user = request.user
    return Actor(user.get_username(), user if isinstance(user, AbstractBaseUser) else None, address_of(request))
