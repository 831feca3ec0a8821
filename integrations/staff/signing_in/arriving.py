"""Handles the redirect back from the OpenID Connect provider: finds or creates the person, and updates their role."""

import time

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base.constants import AuthProcess
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from integrations.services.audit import Actor
from integrations.services.people import identities, sign_ins
from integrations.services.people.claims import Claims, claims_in, claims_of
from integrations.services.people.errors import IdentityTaken
from integrations.staff.signing_in.actors import actor_of
from integrations.text.client_address import address_of


def arrive(request: HttpRequest, login: SocialLogin) -> None:
    """Find or create the person for the provider's login, and update their role.

    Raises ImmediateHttpResponse, with the page to show, if no person is found or if the login only links an identity.
    """
    if login.state.get("process") == AuthProcess.CONNECT:
        raise ImmediateHttpResponse(_link(request, login))
    claims = claims_of(login.account)
    actor = Actor(identities.PROVIDER.name, address=address_of(request))
    if not login.is_existing:
        identities.link(login, _person(request, claims, actor), request=request, actor=actor)
    if claims.groups is not None:
        identities.follow_groups(login.user, claims.groups, actor=actor)


def proved_at(login: SocialLogin) -> float:
    """Return when the person authenticated at the provider (`auth_time`), or the present time if that is missing."""
    auth_time = claims_in(login.account, "id_token").get("auth_time")
    return float(auth_time) if isinstance(auth_time, int | float) and not isinstance(auth_time, bool) else time.time()


def _person(request: HttpRequest, claims: Claims, actor: Actor) -> User:
    person = identities.find_person(claims)
    if person is None and identities.may_be_created(claims):
        person = identities.create_person(claims, actor=actor)
    if person is None:
        sign_ins.refused("", reason="no account for this OpenID Connect identity", address=actor.address)
        page = render(request, "socialaccount/unknown.html", {"email": claims.email}, status=403)
        raise ImmediateHttpResponse(page)
    return person


def _link(request: HttpRequest, login: SocialLogin) -> HttpResponseRedirect:
    """Link the provider's identity to the signed-in person, who confirmed who they are before the redirect."""
    if not isinstance(request.user, User):
        return HttpResponseRedirect(reverse("account_login"))
    try:
        identities.link(login, request.user, request=request, actor=actor_of(request))
    except IdentityTaken as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Identity linked. You can now sign in with {settings.OIDC_NAME}.")
    return HttpResponseRedirect(reverse("mfa_index"))
