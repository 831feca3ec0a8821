"""The portal's rules as django-allauth adapters; settings.py names these three classes."""

import logging
import secrets
from base64 import b32encode
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.stagekit import clear_login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_variables

from integrations.security.sealing import SealBroken, seal, unseal
from integrations.services.people import sign_ins
from integrations.staff.signing_in import arriving, failed_sign_ins, gate, sessions
from integrations.staff.signing_in.records import put_back, records_of
from integrations.text.characters import printable
from integrations.text.client_address import address_of, parsed

SEALED = "second factor"
PAGES = "/admin/"  # a sign-in may redirect only to pages under this path
NOT_STAFF = "account is inactive or not a staff account"
REASON_LENGTH = 300
# Used if a request has no client address, for example at a Unix socket. No real client has this address.
UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104  (nothing listens on it)
METHODS = {
    "reauthenticate": "Your password",
    "mfa_reauthenticate": "A code from your authenticator app, or a recovery code",
    "mfa_reauthenticate:webauthn": "Your passkey",
}

logger = logging.getLogger(__name__)


class StaffAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Lets only active staff sign in, explains each refusal, and allows no sign-up."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": "The user name or password is incorrect. Both are case-sensitive.",
        "incorrect_password": "The password is incorrect. It is case-sensitive.",
        "too_many_login_attempts": f"Too many failed attempts. Wait {failed_sign_ins.longest_wait()}, then try again.",
        "rate_limited": f"Too many failed attempts. Wait {failed_sign_ins.longest_wait()}, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def is_safe_url(self, url: str) -> bool:
        """Return whether a sign-in may redirect to `url`: only to an admin page on this host."""
        return url.startswith(PAGES) and url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the client's address, always a valid one, because limits and sessions store it."""
        address = address_of(request)
        return address if parsed(address) else UNKNOWN_ADDRESS

    def get_login_stages(self) -> list[str]:
        return ["allauth.mfa.stages.AuthenticateStage"]

    def is_reauthentication_required(self, *, app: str, **_kwargs: Any) -> bool:  # noqa: ARG002
        """Return False, because proof.py guards each of allauth's views instead.

        allauth would store all posted values in the session; proof.py does not store secrets.
        """
        return False

    def get_reauthentication_methods(self, user: AbstractBaseUser | AnonymousUser) -> list[dict[str, Any]]:
        found = super().get_reauthentication_methods(user)
        return [{**each, "description": METHODS[each["id"]]} for each in found]

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the attempt. Raises ValidationError, with the time to wait, after too many failures."""
        attempt = failed_sign_ins.attempt_of(request, credentials.get("username", ""))
        try:
            self._count(request, attempt, credentials)
        except ValidationError:
            address = address_of(request)
            sign_ins.refused(credentials.get("username", ""), reason="too many failed attempts", address=address)
            wait = failed_sign_ins.in_words(failed_sign_ins.wait_of(request, attempt))
            words = f"Too many failed attempts. Wait {wait}, then try again."
            raise ValidationError(words, code="too_many_login_attempts") from None

    def _count(self, request: HttpRequest, attempt: failed_sign_ins.SignInAttempt, credentials: dict[str, Any]) -> None:
        # Check the limits over all addresses first. An attempt that they refuse must not also count against the limit
        # for its name and address.
        self._used_of_all: list[Any] = []
        if not attempt.is_known():
            used = None if attempt.waits() else attempt.take()
            if used is None:
                raise ValidationError("", code="too_many_login_attempts")
            self._used_of_all = used
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            failed_sign_ins.give_back(self._used_of_all)
            raise

    def _rollback_login_failed_rl_usage(self) -> None:
        super()._rollback_login_failed_rl_usage()
        failed_sign_ins.give_back(self._used_of_all)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        address = address_of(request)
        sign_ins.refused(credentials.get("username", ""), reason="wrong name or password", address=address)

    def pre_login(
        self, request: HttpRequest, user: AbstractBaseUser, *, signal_kwargs: dict[str, Any] | None, **_more: Any
    ) -> HttpResponse | None:
        """Refuse a person who is not active staff, after their password was verified."""
        if not gate.is_staff(user):
            sign_ins.refused(user.get_username(), reason=NOT_STAFF, address=address_of(request))
            clear_login(request)
            return HttpResponseRedirect(reverse("account_inactive"))
        if login := (signal_kwargs or {}).get("sociallogin"):
            put_back(request.session, arriving.proved_at(login))
        return None

    @transaction.atomic
    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        sessions.begin(request.session)
        methods = [each.words for each in records_of(request.session, user)]
        sign_ins.signed_in(user, methods=methods, address=address_of(request))
        failed_sign_ins.remember(request, user)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Return a key per name and address, because guesses from elsewhere must not lock out the real person."""
        return failed_sign_ins.attempt_of(request, credentials.get("username", "")).key


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Stores the secrets of second factors encrypted."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code is wrong or was already used. Wait for the next code and enter it.",
    }

    def get_totp_issuer(self) -> str:
        return "Order N Pay portal"

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        return user.get_username()

    def generate_authenticator_name(self, user: AbstractBaseUser, type: Authenticator.Type) -> str:  # noqa: A002
        """Return the name that the form suggests for a new passkey."""
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return f"Passkey {count + 1}" if count else "Passkey"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {**super().get_public_key_credential_rp_entity(), "name": self.get_totp_issuer()}

    @sensitive_variables("text")
    def encrypt(self, text: str) -> str:
        return seal(text, purpose=SEALED)

    @sensitive_variables()
    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret. If its key is no longer in the settings, return a random secret, which no code matches."""
        try:
            return unseal(encrypted_text, purpose=SEALED)
        except SealBroken:
            logger.warning("A second factor is encrypted with a missing CREDENTIAL_KEY: reset that person's factors.")
            return b32encode(secrets.token_bytes(20)).decode()


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Rules for OpenID Connect sign-ins; services/people/identities.py finds the person of an identity."""

    def list_apps(self, request: HttpRequest, provider: str | None = None, client_id: str | None = None) -> list[Any]:
        """Return no app if OIDC_SERVER_URL is empty, even if allauth's own table has a provider."""
        return super().list_apps(request, provider, client_id) if settings.OIDC_SERVER_URL else []

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:  # noqa: ARG002
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        arriving.arrive(request, sociallogin)

    def on_authentication_error(self, request: HttpRequest, provider: Any, **problem: Any) -> None:  # noqa: ARG002
        """Log why a sign-in failed; the page shows only a general text. A cancelled sign-in returns to the form."""
        if problem.get("error") == AuthError.CANCELLED:
            messages.warning(request, "The sign-in was cancelled at the identity provider. Try again.")
            raise ImmediateHttpResponse(HttpResponseRedirect(reverse("account_login")))
        reason = problem.get("exception") or "the answer does not belong to a sign-in begun in this browser"
        details = {"error": printable(str(reason), REASON_LENGTH)}
        logger.warning("OpenID Connect sign-in failed.", extra=details)
