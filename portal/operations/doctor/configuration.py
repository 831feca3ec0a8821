"""Checks the settings themselves, without access to the network or the database."""

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.http.request import validate_host

from integrations.text.client_address import parsed_network
from portal.operations.doctor.finding import Finding, advice, fine, wrong

SHORTEST_KEY = 50  # characters, Django's minimum for SECRET_KEY
LEAST_DIFFERENT = 5
OTHERS_MAY = 0o077
# Django system checks whose subject another part of the doctor reports in more detail.
REPORTED_ELSEWHERE = frozenset(
    {"integrations.W001", "security.W009", "security.W018", "security.W020", "security.W025"}
)

# Django system checks that always fail if PUBLIC_URL is not https.
WITHOUT_TLS = frozenset({"security.W004", "security.W008", "security.W012", "security.W016"})


def addresses() -> Iterator[Finding]:
    """Check PUBLIC_URL, ALLOWED_HOSTS and DEBUG."""
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    if settings.DEBUG:
        yield _debug(host)
    if _is_loopback(host):
        todo = "Before tills connect, set PUBLIC_URL=https://YOUR-HOST."
        yield advice("addresses", f"PUBLIC_URL is {settings.PUBLIC_URL}, which only this machine can reach.", todo)
    elif not settings.IS_PUBLIC_HTTPS:
        todo = (
            "Set PUBLIC_URL=https://... and put a proxy with TLS in front of the portal (deploy/nginx, deploy/caddy)."
        )
        yield wrong("addresses", f"PUBLIC_URL is {settings.PUBLIC_URL}: secrets cross the network in plain text.", todo)
    if not validate_host(host, settings.ALLOWED_HOSTS):
        todo = f"Add {host} to ALLOWED_HOSTS, or leave ALLOWED_HOSTS unset."
        yield wrong("addresses", f"ALLOWED_HOSTS lacks PUBLIC_URL's host {host}: staff get 400.", todo)
    elif "*" in settings.ALLOWED_HOSTS:
        todo = f"Set ALLOWED_HOSTS={host}, or leave it unset."
        yield advice("addresses", "ALLOWED_HOSTS is *: the portal accepts any host name.", todo)
    else:
        yield fine("addresses", f"PUBLIC_URL is {settings.PUBLIC_URL}, and the portal accepts the host name {host}.")


def proxy() -> Iterator[Finding]:
    """Check TRUSTED_PROXIES and METRICS_NETWORKS."""
    for name in ("TRUSTED_PROXIES", "METRICS_NETWORKS"):
        if any(parsed_network(each).prefixlen == 0 for each in getattr(settings, name)):
            yield wrong("proxy", f"{name} contains every address.", f"Name only your own machines in {name}.")
    if settings.IS_PUBLIC_HTTPS and not settings.TRUSTED_PROXIES:
        yield wrong(
            "proxy",
            "PUBLIC_URL is https, so a proxy terminates TLS, but TRUSTED_PROXIES is empty. The portal ignores its"
            " X-Forwarded-For and -Proto: all clients seem to have its address, and none is redirected to https.",
            "Set TRUSTED_PROXIES to the address from which the proxy connects to the portal, such as 127.0.0.1.",
        )
        return
    if not settings.TRUSTED_PROXIES:
        yield fine("proxy", "No proxy is expected, and none is trusted.")
        return
    yield fine("proxy", f"X-Forwarded-For and -Proto are trusted only from {', '.join(settings.TRUSTED_PROXIES)}.")


def secrets() -> Iterator[Finding]:
    """Check the length of the keys and the modes of the files that contain secrets."""
    found = [*_weak_keys(), *_keys_unfit_for_lists(), *_open_files()]
    yield from found or [fine("secrets", "The keys are long, and only the owner can read the files with secrets.")]


def framework_checks() -> Iterator[Finding]:
    """Run Django's system checks, including those for a deployment."""
    left_out = REPORTED_ELSEWHERE if settings.IS_PUBLIC_HTTPS else REPORTED_ELSEWHERE | WITHOUT_TLS
    messages = [each for each in checks.run_checks(include_deployment_checks=True) if each.id not in left_out]
    for message in messages:
        make = wrong if message.is_serious(checks.ERROR) else advice
        yield make("settings", f"{message.msg} ({message.id})", message.hint or "See Django's system check framework.")
    if not messages:
        yield fine("settings", "Django's checks found no problems.")


def _debug(host: str) -> Finding:
    what = "DEBUG is on: error pages show settings and code to every caller."
    todo = "Remove DEBUG from .env and from the environment."
    return advice("addresses", what, todo) if _is_loopback(host) else wrong("addresses", what, todo)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _weak_keys() -> Iterator[Finding]:
    for name in ("SECRET_KEY", "CREDENTIAL_KEY"):
        key = getattr(settings, name)
        if len(key) < SHORTEST_KEY or len(set(key)) < LEAST_DIFFERENT or key.startswith("django-insecure"):
            yield wrong(
                "secrets",
                f"{name} is short or easily guessed.",
                f'Generate another: python3 -c "import secrets; print(secrets.token_urlsafe(64))". Keep the old one in'
                f" {name}_FALLBACKS for as long as docs/how-to/rotate-keys.md says.",
            )


def _keys_unfit_for_lists() -> Iterator[Finding]:
    for name in ("SECRET_KEY", "CREDENTIAL_KEY"):
        key = getattr(settings, name)
        if "," in key or key != key.strip():
            todo = f"First rotate the secrets that are stored under it. Then set a {name} without that character."
            what = "contains a comma" if "," in key else "begins or ends with a space"
            yield advice("secrets", f"{name} {what}, so it cannot be listed in {name}_FALLBACKS.", todo)


def _open_files() -> Iterator[Finding]:
    for file in (settings.BASE_DIR / ".env", _embedded_database()):
        if file is not None and file.is_file() and file.stat().st_mode & OTHERS_MAY:
            yield wrong("secrets", f"Other users of this machine can read or write {file}.", f"chmod 600 {file}")


def _embedded_database() -> Path | None:
    database = settings.DATABASES["default"]
    return Path(database["NAME"]) if database["ENGINE"].endswith("sqlite3") else None
