"""Mistakes across settings, as Django system checks: `manage.py check` and every start of a server name them."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register

from integrations.pos.close_codes import CLOSE_CODES

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@register(Tags.security)
def close_codes(**_kwargs: Any) -> list[CheckMessage]:
    """POS_CLOSE_CODES names known reasons and codes that a server may send."""
    found: list[CheckMessage] = []
    for name, code in settings.POS_CLOSE_CODES.items():
        if name not in CLOSE_CODES:
            known = ", ".join(sorted(CLOSE_CODES))
            found.append(
                checks.Error(f"POS_CLOSE_CODES names {name!r}.", hint=f"Known are: {known}.", id="integrations.E001")
            )
        if not (1000 <= code <= 1014 or 3000 <= code <= 4999) or code in (1004, 1005, 1006):
            hint = "Use 1000, 1001-1014 where RFC 6455 allows them, or 3000-4999."
            found.append(
                checks.Error(f"POS_CLOSE_CODES gives {name!r} the code {code}.", hint=hint, id="integrations.E002")
            )
    return found


@register(Tags.security, deploy=True)
def public_url(**_kwargs: Any) -> list[CheckMessage]:
    """Secrets and tokens must not cross a network in plain text."""
    if settings.IS_PUBLIC_HTTPS:
        return []
    hint = "Set PUBLIC_URL=https://YOUR-HOST and let a proxy end TLS (TRUSTED_PROXIES names it)."
    return [
        checks.Warning(
            "PUBLIC_URL is not https: secrets would travel in plain text.", hint=hint, id="integrations.W001"
        )
    ]


@register(Tags.security)
def openid_connect(**_kwargs: Any) -> list[CheckMessage]:
    """The provider's settings belong together, and its answers cross the network encrypted."""
    named = {
        name: bool(getattr(settings, name)) for name in ("OIDC_SERVER_URL", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
    }
    found: list[CheckMessage] = []
    if any(named.values()) and not all(named.values()):
        lacking = ", ".join(name for name, is_set in named.items() if not is_set)
        hint = "Set all three as the provider gave them, or none."
        found.append(checks.Error(f"OpenID Connect lacks {lacking}.", hint=hint, id="integrations.E005"))
    url = urlsplit(settings.OIDC_SERVER_URL)
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        hint = "Set OIDC_SERVER_URL=https://... : whoever can change its answers signs in as anybody."
        found.append(checks.Error("OIDC_SERVER_URL is not https.", hint=hint, id="integrations.E006"))
    return found


@register()
def redis_url(**_kwargs: Any) -> list[CheckMessage]:
    """REDIS_URL has no option that redis-py does not know: it would fail with each attempt to connect."""
    if not settings.REDIS_URL:
        return []
    try:
        from redis.asyncio import ConnectionPool
    except ImportError:  # the doctor says so
        return []
    try:
        pool: Any = ConnectionPool.from_url(settings.REDIS_URL)
        pool.make_connection()
    except (TypeError, ValueError):
        hint = "Correct the options behind the ? of REDIS_URL."
        return [checks.Error("REDIS_URL has an option that cannot be used.", hint=hint, id="integrations.E007")]
    return []


@register()
def workers(**_kwargs: Any) -> list[CheckMessage]:
    """WORKERS fits the database and the channel layer."""
    return refusals_of_workers(settings.WORKERS)


def refusals_of_workers(count: int) -> list[CheckMessage]:
    """Return why so many processes cannot work together; each names the setting to set."""
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
