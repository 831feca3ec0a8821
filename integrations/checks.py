"""Django system checks for combinations of settings. They run at each server start and in commands that call services.

Most of Django's own checks do not run then, because they concern the code, which does not change on an operator's
machine. `manage.py check` and script/test run both kinds.
"""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, register

from integrations.pos.close_codes import CLOSE_CODES

SETTINGS = "settings"  # the tag of all these checks
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@register(SETTINGS)
def close_codes(**_kwargs: Any) -> list[CheckMessage]:
    """Return an error for each unknown reason in POS_CLOSE_CODES, and for each code that a server may not send."""
    found: list[CheckMessage] = []
    for name, code in settings.POS_CLOSE_CODES.items():
        if name not in CLOSE_CODES:
            known = ", ".join(sorted(CLOSE_CODES))
            found.append(
                checks.Error(
                    f"POS_CLOSE_CODES has the unknown reason {name!r}.", hint=f"Use: {known}.", id="integrations.E001"
                )
            )
        if not (1000 <= code <= 1014 or 3000 <= code <= 4999) or code in (1004, 1005, 1006):
            hint = "Use 1000, 1001-1014 where RFC 6455 allows them, or 3000-4999."
            found.append(
                checks.Error(f"POS_CLOSE_CODES: {name!r} has invalid code {code}.", hint=hint, id="integrations.E002")
            )
    return found


@register(SETTINGS, deploy=True)
def public_url(**_kwargs: Any) -> list[CheckMessage]:
    """Return a warning if PUBLIC_URL is not https: secrets and tokens would cross the network unencrypted."""
    if settings.IS_PUBLIC_HTTPS:
        return []
    hint = "Set PUBLIC_URL=https://YOUR-HOST, let a proxy terminate TLS, and list the proxy in TRUSTED_PROXIES."
    return [
        checks.Warning("PUBLIC_URL is not https: secrets would be sent unencrypted.", hint=hint, id="integrations.W001")
    ]


@register(SETTINGS)
def openid_connect(**_kwargs: Any) -> list[CheckMessage]:
    """Return an error if only some of the OpenID Connect settings are set, or if the provider's URL is not https."""
    named = {
        name: bool(getattr(settings, name)) for name in ("OIDC_SERVER_URL", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
    }
    found: list[CheckMessage] = []
    if any(named.values()) and not all(named.values()):
        missing = ", ".join(name for name, is_set in named.items() if not is_set)
        hint = "Set all three as the provider gave them, or none."
        found.append(checks.Error(f"OpenID Connect needs {missing}.", hint=hint, id="integrations.E005"))
    url = urlsplit(settings.OIDC_SERVER_URL)
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        hint = "Set OIDC_SERVER_URL=https://... : an attacker that can change its answers can sign in as any user."
        found.append(checks.Error("OIDC_SERVER_URL is not https.", hint=hint, id="integrations.E006"))
    return found


@register(SETTINGS)
def redis_url(**_kwargs: Any) -> list[CheckMessage]:
    """Return an error if redis-py rejects an option in REDIS_URL: every attempt to connect would fail."""
    if not settings.REDIS_URL:
        return []
    try:
        from redis.asyncio import ConnectionPool
    except ImportError:  # the doctor command reports the missing package
        return []
    try:
        pool: Any = ConnectionPool.from_url(settings.REDIS_URL)
        pool.make_connection()
    except (TypeError, ValueError):
        hint = "Correct the options after the ? of REDIS_URL."
        return [checks.Error("REDIS_URL has an option that cannot be used.", hint=hint, id="integrations.E007")]
    return []


@register(SETTINGS)
def workers(**_kwargs: Any) -> list[CheckMessage]:
    """If WORKERS is more than 1, return an error for each required service that is not configured."""
    return refusals_of_workers(settings.WORKERS)


def refusals_of_workers(count: int) -> list[CheckMessage]:
    """Return an error for each service that this many processes need and that is not configured."""
    if count == 1:
        return []
    found: list[CheckMessage] = []
    if settings.DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        found.append(_needs(count, "PostgreSQL", "Set DATABASE_URL=postgres://...", "integrations.E003"))
    if not settings.REDIS_URL:
        found.append(_needs(count, "Redis", "Set REDIS_URL=redis://...", "integrations.E004"))
    return found


def _needs(count: int, service: str, hint: str, check_id: str) -> CheckMessage:
    return checks.Error(
        f"{count} workers need {service}, through which they share the outlets.", hint=hint, id=check_id
    )
