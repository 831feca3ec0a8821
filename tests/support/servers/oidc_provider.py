"""An OpenID Connect provider that runs in a thread, and signs tokens with the claims that a test sets."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from tests.support.servers.http_thread import QuietHandler, serving

CLIENT_ID, CLIENT_SECRET = "portal", "a-secret-of-the-tests"
KEY_ID = "key-1"
NESTED = "nested"


@cache
def key(_name: str = "ours") -> RSAPrivateKey:
    """Return the key of this name; cached, because creating one takes longer than a whole sign-in."""
    return generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Provider:
    """The state of a provider, which a test may change.

    `claims` describe the next person to sign in. The `..._changes` override fields of one kind of response.
    `signing_key` replaces `key` for signing, for tests of wrong signatures.
    """

    port: int = 0
    claims: dict[str, Any] = field(default_factory=dict)
    token_changes: dict[str, Any] = field(default_factory=dict)
    userinfo_changes: dict[str, Any] = field(default_factory=dict)
    answer_changes: dict[str, Any] = field(default_factory=dict)
    configuration_changes: dict[str, Any] = field(default_factory=dict)
    key: RSAPrivateKey = field(default_factory=key)
    signing_key: Any = None
    algorithm: str = "RS256"
    nested: int = 0  # depth of the JSON array that replaces each NESTED in a response
    asked: list[dict[str, str]] = field(default_factory=list)  # the parameters of each call to /authorize
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the portal's settings for this provider."""
        return {"OIDC_SERVER_URL": self.url, "OIDC_CLIENT_ID": CLIENT_ID, "OIDC_CLIENT_SECRET": CLIENT_SECRET}

    def configuration(self) -> dict[str, Any]:
        ends = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            **{f"{name}_endpoint": f"{self.url}/{path}" for name, path in ends.items()},
        } | self.configuration_changes

    def jwks(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": KEY_ID, "alg": "RS256", "use": "sig"}]}

    def code_for(self, asked: dict[str, str]) -> str:
        self.asked.append(asked)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return code

    def token_for(self, form: dict[str, str]) -> dict[str, str] | None:
        """Return the tokens for an unused code, if client secret, PKCE verifier and redirect URI match; else None."""
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or form.get("client_secret") != CLIENT_SECRET:
            return None
        if asked["code_challenge_method"] != "S256" or _challenge(form["code_verifier"]) != asked["code_challenge"]:
            return None
        if form["redirect_uri"] != asked["redirect_uri"]:
            return None
        return {"access_token": "an-access-token", "token_type": "Bearer", "id_token": self._id_token(asked)}

    def _id_token(self, asked: dict[str, str]) -> str:
        """Return a token with the requested nonce; a claim whose value is None is left out."""
        now = int(time.time())
        usual = {"iss": self.url, "aud": CLIENT_ID, "iat": now - 5, "exp": now + 300, "nonce": asked.get("nonce")}
        claims = {
            name: value for name, value in (usual | self.claims | self.token_changes).items() if value is not None
        }
        signing_key = self.signing_key or self.key
        return jwt.encode(claims, signing_key, algorithm=self.algorithm, headers={"kid": KEY_ID})


class _Handler(QuietHandler, BaseHTTPRequestHandler):
    state: Provider

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/.well-known/openid-configuration":
            self._send(self.state.configuration())
        elif url.path == "/jwks":
            self._send(self.state.jwks())
        elif url.path == "/authorize":
            self._authorize(dict(parse_qsl(url.query)))
        elif url.path == "/userinfo" and self.headers.get("Authorization") == "Bearer an-access-token":
            self._send(self.state.claims | self.state.userinfo_changes)
        else:
            self._send({"error": "not_found"}, status=404)

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        answer = self.state.token_for(form)
        self._send(
            answer | self.state.answer_changes if answer else {"error": "invalid_grant"}, status=200 if answer else 400
        )

    def _authorize(self, asked: dict[str, str]) -> None:
        answer = {"code": self.state.code_for(asked), "state": asked["state"]}
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(answer)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, answer: dict[str, Any], *, status: int = 200) -> None:
        value = "[" * self.state.nested + "]" * self.state.nested
        body = json.dumps(answer).replace(json.dumps(NESTED), value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def oidc_provider(**claims: Any) -> Iterator[Provider]:
    """Run a provider on a free loopback port."""
    state = Provider(claims=claims)
    with serving(_handler(state)) as state.port:
        yield state


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _handler(state: Provider) -> type[_Handler]:
    return type("_Handler", (_Handler,), {"state": state})
