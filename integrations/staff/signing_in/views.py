"""Pages for signing in, confirming one's identity and signing out: allauth's views with the admin's look."""

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


class AdminLook:
    """Gives an allauth view the context of the admin's base template, and a page title."""

    request: HttpRequest
    title = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        return {**site.each_context(self.request), "title": self.title, "oidc_name": oidc_name(), **found}


class Login(AdminLook, account.LoginView):  # type: ignore[misc]
    """The sign-in form; redirects a person who still has to prove or set up a second factor."""

    title = "Sign in"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and not gate.is_staff(request.user):
            logout(request)
            messages.error(request, "You were signed out because your account is not an active staff account.")
        if gate.is_staff(request.user) and (lacking := gate.missing_in(request)):
            return HttpResponseRedirect(with_next(lacking.url, request))
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer


class Logout(AdminLook, account.LogoutView):  # type: ignore[misc]
    title = "Sign out"


class Inactive(AdminLook, account.AccountInactiveView):  # type: ignore[misc]
    title = "This account cannot sign in"


class EnterCode(AdminLook, mfa.AuthenticateView):  # type: ignore[misc]
    """Asks for the second factor after the password."""

    title = "Second factor"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kinds = second_factors.kinds_of(self.stage.login.user)
        return {**super().get_context_data(**kwargs), "has_passkey": Authenticator.Type.WEBAUTHN in kinds}


class Confirm(AdminLook, account.ReauthenticateView):  # type: ignore[misc]
    """Asks for the password again before a sensitive action."""

    title = "Confirm that it is you"


class ConfirmByCode(AdminLook, mfa.ReauthenticateView):  # type: ignore[misc]
    title = "Confirm that it is you"


class ConfirmByPasskey(AdminLook, webauthn.ReauthenticateWebAuthnView):  # type: ignore[misc]
    title = "Confirm that it is you"

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the error and the form again; allauth would redirect to the login page."""
        for message in form.errors.get("credential", []):
            messages.error(self.request, message)
        return HttpResponseRedirect(with_next(self.request.path, self.request))


@never_cache
def confirm_at_provider(request: HttpRequest) -> HttpResponse:
    """Show the page that leads to the provider, where people without a password or factor here prove who they are."""
    if not gate.is_staff(request.user) or not settings.OIDC_SERVER_URL:
        return HttpResponseRedirect(reverse("account_login"))
    context = {"title": "Confirm that it is you", "oidc_name": oidc_name(), "next": get_next_redirect_url(request)}
    return render(request, "socialaccount/confirm.html", {**site.each_context(request), **context})


@never_cache
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """Sign out and ask for a new sign-in, for people without any other way to confirm their identity."""
    wanted = with_next(reverse("account_login"), request)
    if request.user.is_authenticated and not proof.is_recent(request):
        kept = request.session.get(typed.SESSION_KEY)
        logout(request)
        if kept:
            request.session[typed.SESSION_KEY] = kept
        messages.warning(request, "Sign in again to continue.")
    clear_login(request)
    return HttpResponseRedirect(wanted)


def oidc_name() -> str:
    """Return the provider's name for the button, or "" if there is no provider."""
    return settings.OIDC_NAME if settings.OIDC_SERVER_URL else ""


def with_next(url: str, request: HttpRequest) -> str:
    """Return `url` with the request's `next` parameter if that leads to a page of the portal; otherwise `url` alone."""
    wanted = get_next_redirect_url(request)
    return f"{url}?{urlencode({'next': wanted})}" if wanted else url
