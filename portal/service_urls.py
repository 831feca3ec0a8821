"""Reads the settings that are URLs. Each error names its variable and holds no part of the URL, nor of a password."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

SMTP = "django.core.mail.backends.smtp.EmailBackend"
SQLITE = "django.db.backends.sqlite3"
POSTGRESQL = "django.db.backends.postgresql"
POSTGRESQL_SCHEMES = ("postgres", "postgresql", "psql", "pgsql")

MAIL_FORM = (
    "EMAIL_URL must read like smtp+tls://USER:PASSWORD@HOST:587 or smtp+ssl://USER:PASSWORD@HOST:465 "
    "(special characters %-encoded)."
)
DATABASE_FORM = (
    "DATABASE_URL must begin with sqlite:/// or postgres://, and read like postgres://USER:PASSWORD@HOST:5432/NAME "
    "(special characters %-encoded)."
)
REDIS_FORM = "REDIS_URL must read like redis://:PASSWORD@HOST:6379/0 (special characters %-encoded)."


class Unreadable(ValueError):
    """A text is no URL, or means another one than was meant."""


def database(url: str, *, default: Path) -> dict[str, Any]:
    """Return Django's settings for the database of DATABASE_URL, or for that file. Raises ImproperlyConfigured."""
    if not url:
        return {"ENGINE": SQLITE, "NAME": str(default)}
    try:
        parts = _split(url)
        if parts.scheme == "sqlite":
            return {"ENGINE": SQLITE, "NAME": _file_of(parts)}
        if parts.scheme not in POSTGRESQL_SCHEMES:
            raise Unreadable
        return _postgresql(url, parts)
    except ValueError:
        raise ImproperlyConfigured(DATABASE_FORM) from None


def redis(url: str) -> str:
    """Return REDIS_URL. Raises ImproperlyConfigured."""
    try:
        if url and _split(url).scheme not in ("redis", "rediss", "unix"):
            raise Unreadable
    except ValueError:
        raise ImproperlyConfigured(REDIS_FORM) from None
    return url


def mail(url: str) -> dict[str, Any]:
    """Return Django's settings for sending e-mail by EMAIL_URL; without one, nothing is sent.

    Raises ImproperlyConfigured.
    """
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    try:
        _split(url)
        settings: dict[str, Any] = environ.Env.email_url_config(url)
    except (ImproperlyConfigured, ValueError):
        raise ImproperlyConfigured(MAIL_FORM) from None
    if settings["EMAIL_BACKEND"] == SMTP and not settings["EMAIL_HOST"]:
        raise ImproperlyConfigured(MAIL_FORM)
    return settings


def origin(url: str, name: str) -> SplitResult:
    """Return the parts of a http(s) address without a path. Raises ImproperlyConfigured."""
    parts = _web_address(url)
    if parts is None or parts.path:
        raise ImproperlyConfigured(f"{name} must be http(s)://HOST[:PORT] with no path.")
    return parts


def issuer(url: str, name: str) -> SplitResult:
    """Return the parts of the http(s) address of a provider of sign-ins. Raises ImproperlyConfigured."""
    parts = _web_address(url)
    if parts is None:
        raise ImproperlyConfigured(f"{name} must be the provider's issuer: https://HOST[/PATH].")
    return parts


def _web_address(url: str) -> SplitResult | None:
    try:
        parts = _split(url)
    except ValueError:
        return None
    is_fit = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return parts if is_fit and "?" not in url and not re.search(r"\s", url) else None


def _split(url: str) -> SplitResult:
    """Return the parts of a URL. Raises ValueError for one whose parts are not where its writer meant them to be.

    A password with `/`, `?` or `#` in it ends the host part early: then there is an @ behind that part, or a fragment.
    """
    if re.search(r"[\x00-\x1f\x7f]", url):  # urlsplit would drop some of them
        raise Unreadable
    parts = urlsplit(url)
    if "#" in url or "@" in parts.path + parts.query:
        raise Unreadable
    if "," not in parts.netloc.rpartition("@")[2]:  # several hosts of PostgreSQL
        parts.port  # noqa: B018  (raises for one that is none)
    return parts


def _file_of(parts: SplitResult) -> str:
    """Return the file that a sqlite:/// URL names. Raises Unreadable for a database in memory: it is one per thread."""
    file = unquote(parts.path.removeprefix("/"))
    if parts.netloc or parts.query or not file or file == ":memory:":
        raise Unreadable
    return file


def _postgresql(url: str, parts: SplitResult) -> dict[str, Any]:
    settings: dict[str, Any] = environ.Env.db_url_config(url)
    settings["ENGINE"] = POSTGRESQL
    settings["HOST"] = unquote(settings["HOST"])  # a socket's folder may stand there, or in the path, before the name
    if not parts.path.startswith("//"):
        settings["NAME"] = unquote(parts.path.removeprefix("/"))  # django-environ reads a + as a blank
    if not settings["NAME"] and "service" not in settings.get("OPTIONS", {}):
        raise Unreadable
    parse_qsl(parts.query, strict_parsing=bool(parts.query))  # raises for an option that would be dropped
    return settings
