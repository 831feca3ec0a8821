"""Mistakes across settings, as Django system checks: `manage.py check` and every start of a server name them."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register

from integrations.pos.close_codes import CLOSE_CODES


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
