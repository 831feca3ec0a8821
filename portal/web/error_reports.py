"""Keeps secrets out of Django's technical error page, which DEBUG shows to every caller, including anonymous ones.

Secrets are masked by value: the values of all settings and environment variables whose names suggest a secret, and
the passwords of all URLs in settings and environment variables. This includes settings that are added later. The values
are masked everywhere on the finished page, in every spelling that a page can contain. In addition, cookies, posted
values and everything marked by sensitive_variables and sensitive_post_parameters are hidden even while DEBUG is on.
Access tokens, API keys and PINs are redacted as in the log (integrations/security/redaction.py).
"""

import base64
import html
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pprint import pformat
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from integrations.security.redaction import is_distinctive, redact

MASK = SafeExceptionReporterFilter.cleansed_substitute
UNBROKEN = 1_000_000  # columns; so many that a secret with spaces is never wrapped
SHORTEST = 4  # characters; masking shorter texts would make the page unreadable
MARKS = ("'", '"', "&#x27;", "&quot;")  # a secret that is short, or is a word, is masked only as a complete quoted text
# Matches up to the last @, because a password may contain any character, even one that should have been %-encoded.
_PASSWORD = re.compile(r"(?s)://[^:/@]*:(.+)@")  # matches the value of a setting that is a URL
_USER_INFO = re.compile(r"""(://[^\s:/@'"<>]*:)([^\s'"<>]+)(@)""")  # matches a URL within a text

_of_this_page: ContextVar[list[str] | None] = ContextVar("_of_this_page", default=None)


class MaskingFilter(SafeExceptionReporterFilter):
    """Hides values that are marked as sensitive, even while DEBUG is on. Masks secrets in the other values."""

    def is_active(self, request: HttpRequest | None) -> bool:  # noqa: ARG002
        return True

    def get_safe_settings(self) -> dict[str, Any]:
        with _texts_computed_once():
            return super().get_safe_settings()

    def cleanse_setting(self, key: int | str, value: Any) -> Any:
        cleansed = super().cleanse_setting(key, value)
        return _clean(key, cleansed) if isinstance(cleansed, str) else cleansed

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, str]:
        return dict.fromkeys(super().get_safe_cookies(request), MASK)

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Return the posted fields with all values masked, because forms contain passwords, codes and secrets."""
        return dict.fromkeys(super().get_post_parameters(request), MASK)

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: Any) -> Any:
        found = super().get_traceback_frame_variables(request, tb_frame)
        return [(name, _Shown(name, value)) for name, value in found]


class MaskingReporter(ExceptionReporter):
    """Masks the finished page once more, because a message, a path or a source line can contain a secret."""

    def get_traceback_data(self) -> dict[str, Any]:
        found: dict[str, Any] = super().get_traceback_data()
        for name in ("exception_value", "exception_notes", "unicode_hint", "request_insecure_uri"):
            if name in found:
                found[name] = redact(mask(str(found[name])))
        found["request_GET_items"] = [(name, _clean(name, value)) for name, value in found.get("request_GET_items", ())]
        return found

    def get_traceback_html(self) -> SafeString:
        with _texts_computed_once():
            return SafeString(mask(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        with _texts_computed_once():
            return SafeString(mask(super().get_traceback_text()))


class _Shown:
    """The text of a variable on the page. It is masked before it is truncated, so no part of a secret is left."""

    def __init__(self, name: str, value: Any) -> None:
        try:
            whole = pformat(value, width=UNBROKEN)
            cleaned = _clean(name, whole)
            self._text = pformat(value) if cleaned == whole else cleaned
        except Exception as error:  # noqa: BLE001  (a value that cannot be formatted must not break the page)
            self._text = f"Error in formatting: {type(error).__name__}"

    def __repr__(self) -> str:
        return self._text


def _clean(name: object, text: str) -> str:
    """Return a value masked and redacted. Pass its name, because the name can show that the value is a secret."""
    return redact(mask(f"{name}={text}")).removeprefix(f"{name}=")


def mask(text: str) -> str:
    """Return `text` with each configured secret, and the password of each URL in it, replaced by stars."""
    for spelling in _of_this_page.get() or _spellings():
        text = text.replace(spelling, MASK)
    return _USER_INFO.sub(rf"\1{MASK}\3", text)


def secrets() -> Iterator[str]:
    """Yield the configured secrets."""
    for name in dir(settings):
        if name.isupper():
            yield from _secrets_in(name, getattr(settings, name))
    for name, value in os.environ.items():
        yield from _secrets_in(name, value)


def _secrets_in(name: object, value: Any) -> Iterator[str]:
    """Yield all strings of a setting if its name suggests a secret. Otherwise yield the passwords of URLs in it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _secrets_in(key, inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _secrets_in(name, inner)
    elif isinstance(value, bytes):
        yield from _secrets_in(name, value.decode(errors="replace"))
    elif isinstance(value, str):
        if isinstance(name, str) and SafeExceptionReporterFilter.hidden_settings.search(name):
            yield value
        yield from _secrets_of_url(value)


def _secrets_of_url(text: str) -> Iterator[str]:
    for password in (*_PASSWORD.findall(text), *(found[1] for found in _USER_INFO.findall(text))):
        yield from (password, unquote(password))
    if "://" in text and "?" in text:
        for name, value in parse_qsl(_query(text)):
            if SafeExceptionReporterFilter.hidden_settings.search(name):
                yield value


def _query(text: str) -> str:
    try:
        return urlsplit(text).query
    except ValueError:
        return text.partition("?")[2]


@contextmanager
def _texts_computed_once() -> Iterator[None]:
    """Until the block ends, let `mask` reuse one result of `_spellings`: a page has hundreds of values to mask."""
    if _of_this_page.get() is not None:
        yield
        return
    before = _of_this_page.set(_spellings())
    try:
        yield
    finally:
        _of_this_page.reset(before)


def _spellings() -> list[str]:
    """Return the texts to mask, the longest first, because one can be part of another."""
    found: set[str] = set()
    for secret in {each for each in secrets() if len(each.strip()) >= SHORTEST}:
        written = {secret, *_quoted(secret)}
        written |= {html.escape(each) for each in written}
        found |= written if is_distinctive(secret) else {f"{mark}{each}{mark}" for each in written for mark in MARKS}
        found.update(_encoded(secret))
    return sorted((each for each in found if len(each) >= SHORTEST), key=len, reverse=True)


def _quoted(secret: str) -> Iterator[str]:
    yield from (repr(secret)[1:-1], repr(repr(secret)[1:-1])[1:-1], json.dumps(secret)[1:-1])
    yield from (quote(secret), quote(secret, safe=""), quote_plus(secret))


def _encoded(secret: str) -> Iterator[str]:
    """Yield the three forms that a secret can take inside a longer Base64 text, one for each alignment.

    SMTP and HTTP Basic authentication send credentials in such texts.
    """
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + secret.encode(errors="replace")).decode()
        yield encoded[-(-before * 8 // 6) : (before + len(secret.encode(errors="replace"))) * 8 // 6]
