"""Verifies an id_token by the rules of OpenID Connect Core 1.0, section 3.1.3.7."""

import base64
import hashlib
import hmac
import time
from typing import Any

import jwt
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.providers.oauth2.client import OAuth2Error

SIGNATURES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
REQUIRED = ("iss", "sub", "aud", "exp", "iat", "nonce")
SKEW = 60  # seconds by which the clocks of provider and portal may differ
OLDEST = 3600  # seconds since a token was issued: it comes at once, whatever its `exp` says


def nonce_for(code_verifier: str) -> str:
    """Return the nonce of a sign-in: made of its PKCE verifier, which nobody but this browser's session knows.

    So it needs no place of its own in the session, and goes with the state that is used once.
    """
    digest = hashlib.sha256(f"id_token nonce {code_verifier}".encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def verified(id_token: str, *, keys_url: str, issuer: str, client_id: str, nonce: str) -> dict[str, Any]:
    """Return what an id_token says. Raises OAuth2Error, or PyJWT's or requests' errors."""
    if jwt.get_unverified_header(id_token).get("alg") not in SIGNATURES:
        raise OAuth2Error("The id_token is not signed with a key pair.")
    algorithm, key = jwtkit.fetch_key(id_token, keys_url, jwtkit.lookup_kid_jwk)
    options: Any = {"require": list(REQUIRED), "verify_iat": True, "verify_nbf": True}
    try:
        told: dict[str, Any] = jwt.decode(
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
    _check_times(told)
    _check_parties(told, client_id)
    if not isinstance(told["nonce"], str) or not hmac.compare_digest(told["nonce"].encode(), nonce.encode()):
        raise OAuth2Error("The id_token has the nonce of another sign-in.")
    jwtkit.verify_jti({**told, "exp": told["exp"] + SKEW})
    return told


def _check_times(told: dict[str, Any]) -> None:
    for name in ("exp", "iat"):
        if isinstance(told[name], bool) or not isinstance(told[name], int | float):
            raise OAuth2Error(f"The id_token's {name} is no number.")
    if told["iat"] < time.time() - OLDEST:
        raise OAuth2Error("The id_token was issued long ago.")


def _check_parties(told: dict[str, Any], client_id: str) -> None:
    """The token is for the portal; where it is for others as well, `azp` must say that the portal asked for it."""
    if not isinstance(told["sub"], str) or not told["sub"]:
        raise OAuth2Error("The id_token names nobody.")
    audiences = told["aud"] if isinstance(told["aud"], list) else [told["aud"]]
    if told.get("azp", client_id if audiences == [client_id] else None) != client_id:
        raise OAuth2Error("The id_token was issued to another client.")
