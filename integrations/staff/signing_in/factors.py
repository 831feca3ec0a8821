"""Pages where staff see how they sign in, change their own second factors, and end their own sessions.

Audit events record each change.
"""

from typing import Any, cast

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.base.views import IndexView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, RemoveWebAuthnView
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse_lazy
from django.views.generic.edit import FormView

from integrations.services.audit import Actor
from integrations.services.people import identities, second_factors, sign_ins
from integrations.staff.signing_in import sessions
from integrations.staff.signing_in.actors import actor_of
from integrations.staff.signing_in.adapters import UNKNOWN_ADDRESS
from integrations.staff.signing_in.gate import Missing, missing_in
from integrations.staff.signing_in.views import AdminLook


class Overview(AdminLook, IndexView):  # type: ignore[misc]
    """Shows how a person signs in. If a required second factor is missing, the page asks the person to set one up."""

    title = "How you sign in"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        person = person_of(self.request)
        ours = {
            "must_set_up": missing_in(self.request) is Missing.SET_UP,
            "has_password": person.has_usable_password(),
            "identities": identities.identities_of(person),
            "is_required": settings.STAFF_SECOND_FACTOR == "required",
        }
        return {**super().get_context_data(**kwargs), **ours}


class Sessions(AdminLook, FormView[Form]):
    """Lists a person's sessions. The person can end any other session, or all others at once.

    Replaces allauth's view, which runs queries for each session.
    """

    title = "Your sessions"
    template_name = "usersessions/usersession_list.html"
    form_class = Form
    success_url = reverse_lazy("usersessions_list")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        sessions.track(self.request)
        ours = {"sessions": sessions.own_sessions(person_of(self.request)), "no_address": UNKNOWN_ADDRESS}
        return {**super().get_context_data(**kwargs), **ours}

    def form_valid(self, form: Any) -> HttpResponse:  # noqa: ARG002
        ended = self._end_one(self.request.POST["session"]) if "session" in self.request.POST else self._end_others()
        words = f"{ended} other session{'' if ended == 1 else 's'} ended." if ended else "There was no other session."
        messages.success(self.request, words)
        return HttpResponseRedirect(self.get_success_url())

    def _end_one(self, number: str) -> int:
        """End the person's session with this id, unless it is the current one. Return the number of ended sessions."""
        if not (number.isascii() and number.isdecimal() and len(number) < 19):
            return 0
        others = UserSession.objects.filter(user=person_of(self.request), pk=number)
        found = others.exclude(session_key=self.request.session.session_key).first()
        return sign_ins.end_session(person_of(self.request), found.session_key, actor=self._actor) if found else 0

    def _end_others(self) -> int:
        """End all other sessions of the person, including unfinished sign-ins. Return the number of ended sessions."""
        own = self.request.session.session_key or ""
        return sign_ins.end_other_sessions(person_of(self.request), keep=own, actor=self._actor)

    @property
    def _actor(self) -> Actor:
        return actor_of(self.request)


class SetUpApp(AdminLook, ActivateTOTPView):  # type: ignore[misc]
    title = "Set up an authenticator app"

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        spend(person_of(self.request), form.cleaned_data["code"])
        note_added(self.request, Authenticator.Type.TOTP, with_codes=self.did_generate_recovery_codes)
        return response


class RemoveApp(AdminLook, DeactivateTOTPView):  # type: ignore[misc]
    title = "Remove the authenticator app"

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        note_removed(self.request, Authenticator.Type.TOTP)
        return response


class AddPasskey(AdminLook, AddWebAuthnView):  # type: ignore[misc]
    title = "Add a passkey"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        # allauth drops these arguments, which hold the form with its errors
        return {**super().get_context_data(**kwargs), **kwargs}

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        note_added(self.request, Authenticator.Type.WEBAUTHN, with_codes=self.did_generate_recovery_codes)
        return response


class RemovePasskey(AdminLook, RemoveWebAuthnView):  # type: ignore[misc]
    title = "Remove a passkey"
    success_url = reverse_lazy("mfa_index")

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        note_removed(self.request, Authenticator.Type.WEBAUTHN)
        return response


class RecoveryCodes(AdminLook, ViewRecoveryCodesView):  # type: ignore[misc]
    """Shows new codes once; after that, only how many are left."""

    title = "Recovery codes"

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().render_to_response(context, **kwargs)
        response["Cache-Control"] = "no-store"
        return response


class NewRecoveryCodes(AdminLook, GenerateRecoveryCodesView):  # type: ignore[misc]
    title = "Create new recovery codes"

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        second_factors.recovery_codes_were_created(person_of(self.request), actor=actor_of(self.request))
        return response


def spend(person: User, code: str) -> None:
    """Mark the code as used after a person has set up an app with it.

    allauth does not do this, so the same code could then open another session.
    """
    TOTP(Authenticator.objects.get(user=person, type=Authenticator.Type.TOTP)).validate_code(code)


def note_added(request: HttpRequest, kind: str, *, with_codes: bool) -> None:
    """Record the new factor, and record in the session that the person has proved it by setting it up."""
    second_factors.factor_was_added(person_of(request), kind, with_codes=with_codes, actor=actor_of(request))
    record_authentication(request, person_of(request), "mfa", type=str(kind))


def note_removed(request: HttpRequest, kind: str) -> None:
    second_factors.factor_was_removed(person_of(request), kind, actor=actor_of(request))


def person_of(request: HttpRequest) -> User:
    return cast("User", request.user)
