"""Reads those settings whose form django-environ does not know; each error names its variable."""

import re
import sys
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured


class Environment(environ.Env):  # type: ignore[misc]
    """django-environ's reader, whose every complaint names the variable."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().get_value(var, *args, **kwargs)
        except (ValueError, TypeError) as error:
            raise ImproperlyConfigured(f"{var} cannot be read: {error}.") from error

    def database(self, var: str, *, default: str) -> dict[str, Any]:
        """Return Django's settings for the database that a URL names. Raises ImproperlyConfigured."""
        settings: dict[str, Any] = self.db_url(var, default=default)
        if settings.get("ENGINE") not in ENGINES:
            raise ImproperlyConfigured(f"{var} must begin with sqlite:/// or postgres://.")
        return settings

    def mail(self, url: str) -> dict[str, Any]:
        """Return Django's settings for sending e-mail by this EMAIL_URL; without one, nothing is sent.

        Raises ImproperlyConfigured.
        """
        if not url:
            return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
        try:
            settings: dict[str, Any] = self.email_url_config(url)
        except (ImproperlyConfigured, ValueError):
            # Never the URL, nor what the reader says of it: it holds a password.
            raise ImproperlyConfigured(MAIL_FORM) from None
        if settings["EMAIL_BACKEND"] == SMTP and not settings["EMAIL_HOST"]:
            raise ImproperlyConfigured(MAIL_FORM)
        return settings


SMTP = "django.core.mail.backends.smtp.EmailBackend"
MAIL_FORM = (
    "EMAIL_URL must read like smtp+tls://USER:PASSWORD@HOST:587 or smtp+ssl://USER:PASSWORD@HOST:465 "
    "(special characters %-encoded)."
)
MANY_DAYS = 36_500  # a century: whoever wants longer says 0, for ever
ENGINES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")

PORTAL_GROUPS = ("viewer", "operator", "administrator")  # integrations/services/groups.py makes them

Number = TypeVar("Number", int, float)


def at_least(least: Number, value: Number, name: str) -> Number:
    """Return `value`; raise ImproperlyConfigured when it is below `least`."""
    if value < least:
        raise ImproperlyConfigured(f"{name} must be at least {least}, not {value}.")
    return value


def between(least: Number, most: Number, value: Number, name: str) -> Number:
    """Return `value`; raise ImproperlyConfigured when it is below `least` or above `most`."""
    if not least <= value <= most:
        raise ImproperlyConfigured(f"{name} must be from {least} to {most}, not {value}.")
    return value


def one_of(known: Sequence[str], value: str, name: str) -> str:
    """Return `value`; raise ImproperlyConfigured when it is none of the known ones."""
    if value not in known:
        raise ImproperlyConfigured(f"{name} must be {' or '.join(known)}, not {value!r}.")
    return value


def log_format_here(*, debug: bool) -> str:
    """Return json where a machine reads the log: not while debugging, and not where standard error is a terminal."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return "text" if debug or is_terminal else "json"


def networks(texts: Sequence[str], name: str) -> list[str]:
    """Return the addresses and CIDR networks of a list; raise ImproperlyConfigured for any other text."""
    for text in texts:
        try:
            ip_network(text)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name} holds {text!r}: write addresses or CIDR networks, separated by commas ({error})."
            ) from error
    return list(texts)


def member_names(texts: Sequence[str], name: str) -> list[str]:
    """Return names of members of JSON; raise ImproperlyConfigured for a text that is none."""
    for text in texts:
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text):
            raise ImproperlyConfigured(
                f"{name} holds {text!r}: write names of members, of letters, digits, '_', '.' and '-', separated by "
                "commas."
            )
    return list(texts)


def close_codes(texts: Mapping[str, str]) -> dict[str, int]:
    """Return POS_CLOSE_CODES (name=number, ...) with numbers; raise ImproperlyConfigured for one that is none."""
    try:
        return {name.strip(): int(number) for name, number in texts.items()}
    except ValueError as error:
        raise ImproperlyConfigured(
            "POS_CLOSE_CODES must read like replaced=4409,disabled=1000 (name=number, separated by commas)."
        ) from error


def directory_for(file: str) -> None:
    """Make the directory of an embedded database; raise ImproperlyConfigured when that cannot be."""
    try:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR cannot be made: {error}.") from error


def group_names(texts: Mapping[str, str]) -> dict[str, str]:
    """Return OIDC_GROUPS (the provider's group=ours, ...); raise ImproperlyConfigured for a group that is not ours."""
    named = {theirs.strip(): ours.strip() for theirs, ours in texts.items()}
    for ours in named.values():
        if ours not in PORTAL_GROUPS:
            known = ", ".join(PORTAL_GROUPS)
            raise ImproperlyConfigured(f"OIDC_GROUPS must read like staff=operator,it=administrator ({known}).")
    return named
