"""Which web sites' pages may open our sockets: our own, and no other."""

from urllib.parse import urlsplit

from django.conf import settings


def is_ours(origin: str) -> bool:
    """Return whether an Origin header names the portal itself."""
    try:
        return _host_of(origin) in {_host_of(each) for each in [settings.PUBLIC_URL, *settings.CSRF_TRUSTED_ORIGINS]}
    except ValueError:
        return False


def _host_of(origin: str) -> tuple[str, str]:
    parts = urlsplit(origin)
    return parts.scheme, parts.netloc.lower()
