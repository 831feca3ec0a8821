"""The redirect to the OpenID Connect provider and its callback: allauth's flow with stricter checks."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from requests import RequestException

from integrations.staff.signing_in import proof
from integrations.wire import raw_json

SIGNATURES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
REQUIRED = ("iss", "sub", "aud", "exp", "iat", "nonce")
SKEW = 60  # the clocks of provider and portal may differ by this many seconds
# Tokens older than this many seconds are refused, whatever their `exp` says. Genuine tokens arrive at once.
OLDEST = 3600
PROVIDER_ID = "oidc"


class StrictAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """Verifies the token's signature, that the issuer is the configured one, and that id_token and userinfo agree.

    allauth would not verify the signature of a token that it received from the provider over TLS. Any invalid data
    from the provider raises OAuth2Error, which leads to an error page, never to a 500.
    """

    @property
    def openid_config(self) -> dict[str, Any]:
        try:
            config: dict[str, Any] = super().openid_config
            issuer = config["issuer"]
        except (RequestException, ValueError, KeyError, TypeError) as error:
            raise OAuth2Error(f"The provider's configuration cannot be read ({type(error).__name__}).") from error
        if str(issuer).rstrip("/") != settings.OIDC_SERVER_URL:
            raise OAuth2Error("The provider's issuer differs from OIDC_SERVER_URL.")
        return config

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:  # noqa: ARG002
        """Return the callback URL registered at the provider. It uses PUBLIC_URL instead of the request's host."""
        return f"{settings.PUBLIC_URL}{reverse('oidc_callback')}"

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> SocialLogin:
        try:
            login: SocialLogin = super().complete_login(request, app, token, **kwargs)
            # A database cannot store JSON that nests too deeply.
            raw_json.refuse_depth(json.dumps(login.account.extra_data))
        except (KeyError, ValueError, TypeError, AttributeError, jwt.PyJWTError) as error:
            raise OAuth2Error(f"The provider's answer cannot be read ({type(error).__name__}).") from error
        self._check_that_both_agree(login.account.extra_data)
        return login

    def get_access_token_data(
        self, request: HttpRequest, app: SocialApp, client: Any, pkce_code_verifier: str | None = None
    ) -> Any:
        self._nonce = nonce_for(pkce_code_verifier or "")
        return super().get_access_token_data(request, app, client, pkce_code_verifier=pkce_code_verifier)

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        config = self.openid_config
        return verified_id_token(
            id_token, keys_url=config["jwks_uri"], issuer=config["issuer"], client_id=app.client_id, nonce=self._nonce
        )

    def _check_that_both_agree(self, sources: dict[str, Any]) -> None:
        if "id_token" not in sources:
            raise OAuth2Error("The provider sent no id_token.")
        if sources.get("userinfo", sources["id_token"]).get("sub") != sources["id_token"].get("sub"):
            raise OAuth2Error("The id_token and the userinfo name different people.")


class StrictProvider(OpenIDConnectProvider):  # type: ignore[misc]
    """Replaces allauth's provider in the views below; not registered with allauth."""

    oauth2_adapter_class = StrictAdapter

    def get_pkce_params(self) -> dict[str, str]:
        """Return the PKCE parameters and the nonce.

        allauth sends them to the provider, except the verifier, which it keeps in the session.
        """
        params: dict[str, str] = generate_code_challenge()
        return {**params, "nonce": nonce_for(params["code_verifier"])}


@never_cache
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Redirect to the provider.

    If `fresh` was posted, the provider must authenticate the person again, even if its own session is still valid.
    """
    auth_params = {"prompt": "login", "max_age": "0"} if "fresh" in request.POST else {}
    return _redirect(request, AuthProcess.LOGIN, auth_params)


@never_cache
@require_POST
def begin_linking(request: HttpRequest) -> HttpResponse:
    """Redirect to the provider; the callback then links the provider's identity to the signed-in person.

    Without a recent proof of identity, redirect to the page that asks for one instead.
    """
    return (
        proof.redirect_unless_complete(request)
        or proof.ask_if_stale(request)
        or _redirect(request, AuthProcess.CONNECT, {})
    )


@never_cache
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    app = _app(request)
    view = OAuth2CallbackView.adapter_view(StrictAdapter(request, PROVIDER_ID))
    try:
        answer: HttpResponse = view(request)
    except (OAuth2Error, RecursionError) as error:
        # allauth does not catch errors from reading the provider's configuration.
        answer = _error_page(request, StrictProvider(request, app=app), error)
    return answer


def _redirect(request: HttpRequest, process: str, auth_params: dict[str, str]) -> HttpResponse:
    provider = StrictProvider(request, app=_app(request))
    wanted = provider.get_redirect_from_request_kwargs(request).get("next_url")
    try:
        answer: HttpResponse = provider.redirect(request, process, next_url=wanted, auth_params=auth_params)
    except (OAuth2Error, RecursionError) as error:
        answer = _error_page(request, provider, error)
    return answer


def _error_page(request: HttpRequest, provider: StrictProvider, error: Exception) -> HttpResponse:
    """Return the error page. A RecursionError means that the provider's JSON nests too deeply."""
    reason = OAuth2Error("The provider's answer nests too deeply.") if isinstance(error, RecursionError) else error
    answer: HttpResponse = render_authentication_error(request, provider, exception=reason)
    return answer


def _app(request: HttpRequest) -> SocialApp:
    if not settings.OIDC_SERVER_URL:
        raise Http404("There is no OpenID Connect provider.")
    return get_adapter(request).get_app(request, provider=PROVIDER_ID)


def nonce_for(code_verifier: str) -> str:
    """Return the nonce of a sign-in, derived from its PKCE verifier, which only this browser's session knows.

    The session stores only the verifier, in allauth's one-time state, so the nonce is valid for one callback.
    """
    digest = hashlib.sha256(f"id_token nonce {code_verifier}".encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def verified_id_token(id_token: str, *, keys_url: str, issuer: str, client_id: str, nonce: str) -> dict[str, Any]:
    """Return the verified claims of an id_token. Raises OAuth2Error, or errors of PyJWT or requests.

    The rules are those of OpenID Connect Core 1.0, section 3.1.3.7.
    """
    if jwt.get_unverified_header(id_token).get("alg") not in SIGNATURES:
        raise OAuth2Error("The id_token is not signed with a key pair.")
    algorithm, key = jwtkit.fetch_key(id_token, keys_url, jwtkit.lookup_kid_jwk)
    options: Any = {"require": list(REQUIRED), "verify_iat": True, "verify_nbf": True}
    try:
        claims: dict[str, Any] = jwt.decode(
            id_token,
            key=key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=client_id,
            leeway=SKEW,
            options=options,
        )
    except jwt.PyJWTError as error:
        raise OAuth2Error(f"The id_token is not valid ({type(error).__name__}: {error}).") from error
    _check_times(claims)
    _check_parties(claims, client_id)
    if not isinstance(claims["nonce"], str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise OAuth2Error("The id_token has the nonce of another sign-in.")
    jwtkit.verify_jti({**claims, "exp": claims["exp"] + SKEW})
    return claims


def _check_times(claims: dict[str, Any]) -> None:
    for name in ("exp", "iat"):
        if isinstance(claims[name], bool) or not isinstance(claims[name], int | float):
            raise OAuth2Error(f"The id_token's {name} is not a number.")
    if claims["iat"] < time.time() - OLDEST:
        raise OAuth2Error("The id_token was issued too long ago.")


def _check_parties(claims: dict[str, Any], client_id: str) -> None:
    """Raise OAuth2Error unless the token has a subject and is for the portal.

    If the token has several audiences, its `azp` must name the portal.
    """
    if not isinstance(claims["sub"], str) or not claims["sub"]:
        raise OAuth2Error("The id_token has no subject.")
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims.get("azp", client_id if audiences == [client_id] else None) != client_id:
        raise OAuth2Error("The id_token was issued to another client.")
