"""What the settings say of themselves: nothing is asked of the network or the database here."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.http.request import validate_host

from portal.operations.doctor.finding import Finding, advice, fine, wrong

SHORTEST_KEY = 50  # characters, as Django asks of SECRET_KEY
LEAST_DIFFERENT = 5
OTHERS_MAY = 0o077
# Named by parts of the doctor, in more words.
SAID_ELSEWHERE = frozenset({"integrations.W001", "security.W009", "security.W018", "security.W020", "security.W025"})

# Follow from a PUBLIC_URL that is not https.
WITHOUT_TLS = frozenset({"security.W004", "security.W008", "security.W012", "security.W016"})


def addresses() -> Iterator[Finding]:
    """PUBLIC_URL, ALLOWED_HOSTS and DEBUG."""
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    if settings.DEBUG:
        yield _debug(host)
    if _is_loopback(host):
        todo = "Set PUBLIC_URL=https://YOUR-HOST when tills shall reach it."
        yield advice("addresses", f"PUBLIC_URL is {settings.PUBLIC_URL}: only this machine reaches that.", todo)
    elif not settings.IS_PUBLIC_HTTPS:
        todo = "Set PUBLIC_URL=https://... and put a proxy with TLS before the portal (deploy/nginx, deploy/caddy)."
        yield wrong("addresses", f"PUBLIC_URL is {settings.PUBLIC_URL}: secrets cross the network in plain text.", todo)
    if not validate_host(host, settings.ALLOWED_HOSTS):
        todo = f"Add {host} to ALLOWED_HOSTS, or leave ALLOWED_HOSTS unset."
        yield wrong("addresses", f"ALLOWED_HOSTS has not PUBLIC_URL's host {host}: staff get 400.", todo)
    elif "*" in settings.ALLOWED_HOSTS:
        todo = f"Set ALLOWED_HOSTS={host}, or leave it unset."
        yield advice("addresses", "ALLOWED_HOSTS is *: the portal answers to any name.", todo)
    else:
        yield fine("addresses", f"PUBLIC_URL is {settings.PUBLIC_URL}, and the portal answers to {host}.")


def proxy() -> Iterator[Finding]:
    """TRUSTED_PROXIES and METRICS_NETWORKS."""
    for name in ("TRUSTED_PROXIES", "METRICS_NETWORKS"):
        if any(ip_network(each).prefixlen == 0 for each in getattr(settings, name)):
            yield wrong("proxy", f"{name} holds every address there is.", f"Name only your own machines in {name}.")
    if settings.IS_PUBLIC_HTTPS and not settings.TRUSTED_PROXIES:
        yield wrong(
            "proxy",
            "PUBLIC_URL is https, so a proxy ends TLS, but TRUSTED_PROXIES is empty: its X-Forwarded-For and -Proto are"
            " not believed. All clients seem to have the proxy's address, and nobody is redirected to https.",
            "Set TRUSTED_PROXIES to the address from which the proxy reaches the portal, such as 127.0.0.1.",
        )
        return
    if not settings.TRUSTED_PROXIES:
        yield fine("proxy", "No proxy is expected, and none is believed.")
        return
    yield fine("proxy", f"X-Forwarded-For and -Proto are believed from {', '.join(settings.TRUSTED_PROXIES)} alone.")


def secrets() -> Iterator[Finding]:
    """The length of the keys, and who may read the files that hold secrets."""
    found = [*_weak_keys(), *_keys_unfit_for_lists(), *_open_files()]
    yield from found or [fine("secrets", "The keys are long, and the files that hold secrets are their owner's alone.")]


def framework_checks() -> Iterator[Finding]:
    """Django's own checks, those for a deployment among them."""
    left_out = SAID_ELSEWHERE if settings.IS_PUBLIC_HTTPS else SAID_ELSEWHERE | WITHOUT_TLS
    messages = [each for each in checks.run_checks(include_deployment_checks=True) if each.id not in left_out]
    for message in messages:
        make = wrong if message.is_serious(checks.ERROR) else advice
        yield make("settings", f"{message.msg} ({message.id})", message.hint or "See Django's system check framework.")
    if not messages:
        yield fine("settings", "Django's checks find nothing.")


def _debug(host: str) -> Finding:
    what = "DEBUG is on: whoever meets an error reads the settings and the code."
    todo = "Take DEBUG out of .env and out of the environment."
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
                f'Make another: python -c "import secrets; print(secrets.token_urlsafe(64))". Put the old one into'
                f" {name}_FALLBACKS for as long as docs/security.md says.",
            )


def _keys_unfit_for_lists() -> Iterator[Finding]:
    for name in ("SECRET_KEY", "CREDENTIAL_KEY"):
        key = getattr(settings, name)
        if "," in key or key != key.strip():
            todo = f"Choose a next {name} without that, and rotate what is stored under this one before you change it."
            what = "contains a comma" if "," in key else "begins or ends with a blank"
            yield advice("secrets", f"{name} {what}: it cannot be named in {name}_FALLBACKS.", todo)


def _open_files() -> Iterator[Finding]:
    for file in (settings.BASE_DIR / ".env", _embedded_database()):
        if file is not None and file.is_file() and file.stat().st_mode & OTHERS_MAY:
            yield wrong("secrets", f"Others on this machine may read or write {file}.", f"chmod 600 {file}")


def _embedded_database() -> Path | None:
    database = settings.DATABASES["default"]
    return Path(database["NAME"]) if database["ENGINE"].endswith("sqlite3") else None
