"""The pages by which staff come in, confirm who they are, and leave: allauth's, in the admin's look."""

from typing import Any

from allauth.account import views as account
from allauth.account.internal.stagekit import clear_login
from allauth.account.utils import get_next_redirect_url
from allauth.mfa.base import views as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import views as webauthn
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import site
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache

from integrations.services.people import second_factors
from integrations.staff.signing_in import gate, proof, typed


class InOurLook:
    """Gives a view of allauth what the admin's base template wants, and the page its title."""

    request: HttpRequest
    title = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        return {**site.each_context(self.request), "title": self.title, "oidc_name": oidc_name(), **found}


class Login(InOurLook, account.LoginView):  # type: ignore[misc]
    """The first page of everybody who is not signed in, and the way on for who is only half."""

    title = "Sign in"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and not gate.is_staff(request.user):
            logout(request)
            messages.error(request, "You are signed out: your login is not, or not any more, one of staff.")
        if gate.is_staff(request.user) and (lacking := gate.missing_in(request)):
            return HttpResponseRedirect(with_next(lacking.url, request))
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer


class Logout(InOurLook, account.LogoutView):  # type: ignore[misc]
    title = "Sign out"


class Inactive(InOurLook, account.AccountInactiveView):  # type: ignore[misc]
    title = "This login may not come in"


class EnterCode(InOurLook, mfa.AuthenticateView):  # type: ignore[misc]
    """The second factor, after the password."""

    title = "Second factor"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kinds = second_factors.kinds_of(self.stage.login.user)
        return {**super().get_context_data(**kwargs), "has_passkey": Authenticator.Type.WEBAUTHN in kinds}


class Confirm(InOurLook, account.ReauthenticateView):  # type: ignore[misc]
    """The password once more, before a sensitive act."""

    title = "Confirm that it is you"


class ConfirmByCode(InOurLook, mfa.ReauthenticateView):  # type: ignore[misc]
    title = "Confirm that it is you"


class ConfirmByPasskey(InOurLook, webauthn.ReauthenticateWebAuthnView):  # type: ignore[misc]
    title = "Confirm that it is you"

    def form_invalid(self, form: Any) -> HttpResponse:
        """Say why, and offer it again; allauth would lead away from the act."""
        for message in form.errors.get("credential", []):
            messages.error(self.request, message)
        return HttpResponseRedirect(with_next(self.request.path, self.request))


@never_cache
def confirm_at_provider(request: HttpRequest) -> HttpResponse:
    """For people without a password and a factor here: the provider asks them."""
    if not gate.is_staff(request.user) or not settings.OIDC_SERVER_URL:
        return HttpResponseRedirect(reverse("account_login"))
    context = {"title": "Confirm that it is you", "oidc_name": oidc_name(), "next": get_next_redirect_url(request)}
    return render(request, "socialaccount/confirm.html", {**site.each_context(request), **context})


@never_cache
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """For people whose password was taken away since they signed in: there is nothing that they could confirm by."""
    wanted = with_next(reverse("account_login"), request)
    if request.user.is_authenticated and not proof.is_recent(request):
        kept = request.session.get(typed.SESSION_KEY)
        logout(request)
        if kept:
            request.session[typed.SESSION_KEY] = kept
        messages.warning(request, "Sign in again to go on.")
    clear_login(request)
    return HttpResponseRedirect(wanted)


def oidc_name() -> str:
    """Return what the button says, or "" where there is no provider."""
    return settings.OIDC_NAME if settings.OIDC_SERVER_URL else ""


def with_next(url: str, request: HttpRequest) -> str:
    """Return `url` with the way on that the request asked for, if it is one of ours."""
    wanted = get_next_redirect_url(request)
    return f"{url}?{urlencode({'next': wanted})}" if wanted else url
