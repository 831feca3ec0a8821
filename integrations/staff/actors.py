"""Who acts, as the audit will name them."""

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from integrations.redaction import printable
from integrations.services.audit import Actor

ADDRESS_LENGTH = 45


def actor_of(request: HttpRequest) -> Actor:
    """Return the signed-in person, with the address from which they act."""
    user = request.user
    return Actor(user.get_username(), user if isinstance(user, AbstractBaseUser) else None, address_of(request))


def address_of(request: HttpRequest) -> str:
    """Return from where a request comes; portal/asgi.py has judged the proxies."""
    return printable(request.META.get("REMOTE_ADDR") or "", ADDRESS_LENGTH)
