"""The names and formats of the POS's messages on the wire. Other modules use the project's own names.

Keys are matched in any letter case and unknown keys are ignored. In PowerEPOS's documents, the examples use PascalCase
and the model pages use camelCase, and extra fields are not mentioned (SEEN).
"""

import re
from typing import Any

from integrations.models import Integration, Outlet
from integrations.models.attempt import UnrecognisedFrameKind
from integrations.models.fields.texts import longest
from integrations.security.secret_digests import MAX_SECRET_LENGTH
from integrations.services.connections.authentication import Claim
from integrations.text.characters import code_and_name, printable, trimmed
from integrations.wire import raw_json

MAX_AUTH_BODY = 16 * 1024  # bytes
MAX_FRAME = 1024 * 1024  # bytes
MAX_CHECKED = 64 * 1024  # characters of an unrecognised frame; parsing longer ones would delay all other connections
MAX_LENGTHS = {
    "ProviderOutletID": longest(Outlet, "provider_outlet_id"),
    "POSRemoteID": longest(Integration, "pos_remote_id"),
    "AuthSecret": MAX_SECRET_LENGTH,
}  # characters; the portal's own limits, because none are documented

_AUTH_FIELDS = [(name, name.lower(), limit) for name, limit in MAX_LENGTHS.items()]
_PLAIN = re.compile("[!-~](?:[ -~]*[!-~])?").fullmatch  # fast path: nearly every POS sends such values
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_BY_FIRST = {
    "{": UnrecognisedFrameKind.UNKNOWN,
    "[": UnrecognisedFrameKind.NOT_AN_OBJECT,
    '"': UnrecognisedFrameKind.NOT_AN_OBJECT,
}


NO_CLAIM = Claim("", "", "")


class Malformed(Exception):
    """The request does not have the documented format; the message says which part is wrong, for the POS's log.

    `claim` has the IDs that are valid, and no secret.
    """

    claim = NO_CLAIM


def read_auth_request(body: bytes) -> Claim:
    """Return the claim in an OrderNPayAuthTokenRequest. Raises Malformed, which names the field."""
    content = _read_object(body)
    given = {key.lower(): value for key, value in content.items()}
    try:
        outlet, remote, secret = [_read_text(given, name, key, limit) for name, key, limit in _AUTH_FIELDS]
    except Malformed as error:
        outlet, remote = [_read_if_valid(given, *each) for each in _AUTH_FIELDS[:2]]
        error.claim = Claim(outlet, remote, "")
        raise
    if outlet is given["provideroutletid"] and remote is given["posremoteid"] and secret is given["authsecret"]:
        return Claim(outlet, remote, secret)
    return Claim(outlet, remote, given["authsecret"], _edges(given))


def auth_success(token: str) -> bytes:
    """Return an OrderNPayAuthTokenResponse with a token (SPEC). A token has no character that JSON escapes."""
    return b'{"AccessToken":"%s"}' % token.encode("ascii")


def failure(message: str) -> dict[str, str]:
    """Return an OrderNPayAuthTokenResponse with an error (SPEC)."""
    return {"ErrorMessage": message}


def kind_of_frame(text: str) -> UnrecognisedFrameKind:
    """Return the kind of an unrecognised frame. A long frame is classified by its first character only."""
    if len(text) > MAX_CHECKED:
        return _BY_FIRST.get(text[0], UnrecognisedFrameKind.NOT_JSON)
    try:
        content = raw_json.load(text)
    except ValueError:
        return UnrecognisedFrameKind.NOT_JSON
    return UnrecognisedFrameKind.UNKNOWN if isinstance(content, dict) else UnrecognisedFrameKind.NOT_AN_OBJECT


def _read_object(body: bytes) -> dict[str, Any]:
    text, is_whole = raw_json.read_text(body)
    if not is_whole:
        raise Malformed("The request body is not valid JSON: it is not valid UTF-8.")
    try:
        content = raw_json.load(text)
    except raw_json.TooDeep as error:
        raise Malformed(f"The JSON of the request body nests more than {raw_json.MOST_NESTED} levels deep.") from error
    except ValueError as error:
        raise Malformed("The request body is not valid JSON.") from error
    if not isinstance(content, dict):
        raise Malformed("The request body must be a JSON object.")
    return content


def _read_text(given: dict[str, Any], name: str, key: str, limit: int) -> str:
    value = given.get(key)
    if type(value) is str and len(value) <= limit and _PLAIN(value):
        return value
    if value is None:
        raise Malformed(f"{name} is missing.")
    if not isinstance(value, str):
        raise Malformed(f"{name} must be a string.")
    text = trimmed(value)
    if not text:
        raise Malformed(f"{name} is empty.")
    if len(text) > limit:
        raise Malformed(f"{name} is longer than {limit} characters.")
    if not text.isprintable() and (control := _CONTROL.search(text)):
        raise Malformed(f"{name} contains a control character, {code_and_name(control.group())}.")
    return text


def _read_if_valid(given: dict[str, Any], name: str, key: str, limit: int) -> str:
    try:
        return _read_text(given, name, key, limit)
    except Malformed:
        return ""


def _edges(given: dict[str, Any]) -> str:
    """Return a text that tells staff which hidden characters the values had at their beginning or end."""
    found = []
    for name, key, _ in _AUTH_FIELDS:
        before, _, after = given[key].partition(trimmed(given[key]))
        if hidden := ", ".join(code_and_name(each) for each in dict.fromkeys(before + after)):
            found.append(f"{name} was sent with {hidden} at its beginning or end.")
    return printable(" ".join(found), 300)
