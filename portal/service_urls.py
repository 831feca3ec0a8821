"""Reads the settings that are URLs. Each error names its variable, but contains no part of the URL.

Each part of a URL is used as written, except that its percent escapes are decoded. A URL is rejected if the library
that uses it would drop or change a part, such as a second value of an option, a meaningless path, or an escape that
is not UTF-8.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from portal.environment import flag

SMTP = "django.core.mail.backends.smtp.EmailBackend"
FILES = "django.core.mail.backends.filebased.EmailBackend"
SQLITE = "django.db.backends.sqlite3"
POSTGRESQL = "django.db.backends.postgresql"
POSTGRESQL_SCHEMES = ("postgres", "postgresql", "psql", "pgsql")
POSTGRESQL_PORT = "5432"
SMTP_PORT, SMTP_SSL_PORT = 25, 465
MAIL_SECONDS = 10  # seconds for a mail server to answer; while it hangs, no other e-mail is sent

MAIL_FORM = (
    "EMAIL_URL must read like smtp+tls://USER:PASSWORD@HOST:587 or smtp+ssl://USER:PASSWORD@HOST:465 "
    "(special characters %-encoded)."
)
DATABASE_FORM = (
    "DATABASE_URL must begin with sqlite:/// or postgres://, and read like postgres://USER:PASSWORD@HOST:5432/NAME "
    "(special characters %-encoded, also in options)."
)
REDIS_FORM = "REDIS_URL must read like redis://:PASSWORD@HOST:6379/0 (special characters %-encoded, also in options)."

# The query may contain these options of Django in addition to the options of libpq. Their values are booleans.
_OF_DJANGO = ("DISABLE_SERVER_SIDE_CURSORS", "CONN_HEALTH_CHECKS")
_HOST = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]*))(?::([0-9]{0,5}))?")


class UnreadableUrl(ValueError):
    """A text is not a URL, or a library would read it as a different URL than its writer meant."""


@dataclass(frozen=True, slots=True)
class _Url:
    """The parts of a URL with decoded escapes. The path includes its leading slash."""

    scheme: str
    user: str
    password: str = field(repr=False)
    hosts: tuple[tuple[str, str], ...]  # (name, port) pairs: IPv6 names have no brackets; a missing port is empty
    path: str
    options: Mapping[str, str] = field(repr=False)

    @property
    def is_local(self) -> bool:
        """Return whether the URL has no host, no user and no password."""
        return not (self.user or self.password or self.hosts)

    @property
    def host(self) -> tuple[str, str]:
        """Return the host and its port. Raises UnreadableUrl for several hosts."""
        if len(self.hosts) > 1:
            raise UnreadableUrl
        return self.hosts[0] if self.hosts else ("", "")


def database(url: str, *, default: Path) -> dict[str, Any]:
    """Return Django's settings for DATABASE_URL, or for the default SQLite file. Raises ImproperlyConfigured."""
    if not url:
        return {"ENGINE": SQLITE, "NAME": str(default)}
    try:
        read = _parsed_url(url)
        if read.scheme == "sqlite":
            return {"ENGINE": SQLITE, "NAME": _file_of(read)}
        if read.scheme not in POSTGRESQL_SCHEMES:
            raise UnreadableUrl
        return _postgresql(read)
    except ValueError:
        raise ImproperlyConfigured(DATABASE_FORM) from None


def redis(url: str) -> str:
    """Return REDIS_URL unchanged. Raises ImproperlyConfigured if redis-py would drop or misread a part of it."""
    try:
        if url:
            _refuse_other_redis(_parsed_url(url))
    except ValueError:
        raise ImproperlyConfigured(REDIS_FORM) from None
    return url


def mail(url: str) -> dict[str, Any]:
    """Return EMAIL_URL as an entry of Django's MAILERS. Raises ImproperlyConfigured."""
    try:
        return _mail(_parsed_url(url))
    except ValueError:
        raise ImproperlyConfigured(MAIL_FORM) from None


def origin(url: str, name: str) -> SplitResult:
    """Return the parts of an http(s) URL that has no path. Raises ImproperlyConfigured for any other URL."""
    parts = _web_address(url)
    if parts is None or parts.path:
        raise ImproperlyConfigured(f"{name} must be http(s)://HOST[:PORT] without a path.")
    return parts


def issuer(url: str, name: str) -> SplitResult:
    """Return the parts of an identity provider's http(s) URL. Raises ImproperlyConfigured."""
    parts = _web_address(url)
    if parts is None:
        raise ImproperlyConfigured(f"{name} must be the provider's issuer: https://HOST[/PATH].")
    return parts


def _web_address(url: str) -> SplitResult | None:
    try:
        parts = _split(url)
        if parts.port == 0:
            return None
    except ValueError:
        return None
    is_fit = parts.scheme in ("http", "https") and parts.hostname and not re.search(r"[@%\\]", parts.netloc)
    return parts if is_fit and "?" not in url and not re.search(r"\s", url) else None


def _split(url: str) -> SplitResult:
    """Return the parts of a URL. Raises ValueError if it is invalid or its password seems to lack a percent escape.

    An unescaped `/`, `?` or `#` in a password ends the host part early. The `@` after the password is then in the path,
    the query or the fragment. An `@` in the path or the query is therefore refused, and so is every fragment.
    """
    # urlsplit would drop some control characters and spaces.
    if re.search(r"[\x00-\x1f\x7f]", url) or url != url.strip() or "://" not in url:
        raise UnreadableUrl
    parts = urlsplit(url)
    if "#" in url or "@" in parts.path + parts.query:
        raise UnreadableUrl
    return parts


def _parsed_url(url: str) -> _Url:
    """Return the decoded parts of a URL. Raises ValueError."""
    found = re.fullmatch(r"(.*?://)([^/?#]*)(.*)", url, re.DOTALL)
    if found is None:
        raise UnreadableUrl
    user_info, at, listed = found[2].rpartition("@")
    hosts = listed.split(",")
    # Split the URL once for each host, with only that host in it, because newer versions of urlsplit refuse an IPv6
    # address beside another host.
    parts, *_ = [_split(f"{found[1]}{user_info}{at}{host}{found[3]}") for host in hosts]
    user, _, password = user_info.partition(":")
    each = tuple(map(_host, hosts)) if listed else ()
    if len(each) > 1 and not all(name for name, _ in each):
        raise UnreadableUrl
    return _Url(
        scheme=parts.scheme,
        user=_decoded(user),
        password=_decoded(password),
        hosts=each,
        path=_decoded(parts.path),
        options=_options(parts.query),
    )


def _host(text: str) -> tuple[str, str]:
    """Return a host's name and port. The name may be a socket's folder; a missing port is empty. Raises ValueError."""
    found = _HOST.fullmatch(text)
    if found is None or re.search(r"\s", text):
        raise UnreadableUrl
    if found[3] and not 1 <= int(found[3]) <= 65535:
        raise UnreadableUrl
    return _decoded(found[1] or found[2]), found[3] or ""


def _options(query: str) -> dict[str, str]:
    """Return the options. Raises ValueError for a repeated option, one without a value, or one with a +.

    Some libraries read a + as a space and others do not.
    """
    if "+" in query:
        raise UnreadableUrl
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    options = dict(pairs)
    if len(options) < len(pairs) or not all(options.values()) or "\0" in "".join(options.values()):
        raise UnreadableUrl
    return options


def _decoded(text: str) -> str:
    """Return a text with its escapes decoded. Raises ValueError if it is not UTF-8 or contains a NUL."""
    decoded = unquote(text, errors="strict")
    if "\0" in decoded:
        raise UnreadableUrl
    return decoded


def _file_of(url: _Url) -> str:
    """Return the file of a sqlite:/// URL. Raises UnreadableUrl for an in-memory database."""
    file = url.path.removeprefix("/")
    if not url.is_local or url.options or not file or file.startswith((":memory:", "file:")):
        raise UnreadableUrl
    return file


def _postgresql(url: _Url) -> dict[str, Any]:
    host, port, name = _hosts_of(url)
    options = dict(url.options)
    of_django = {option: flag(options.pop(option)) for option in _OF_DJANGO if option in options}
    _refuse_options(options, named={"host": host, "port": port, "user": url.user, "password": url.password})
    if not name and "service" not in options:
        raise UnreadableUrl
    return {
        "ENGINE": POSTGRESQL,
        "NAME": name,
        "USER": url.user,
        "PASSWORD": url.password,
        "HOST": host,
        "PORT": int(port) if port.isdigit() else port,
        "OPTIONS": options,
        **of_django,
    }


def _hosts_of(url: _Url) -> tuple[str, str, str]:
    """Return hosts, ports and the database's name. The path may contain a socket's folder before the name."""
    name = url.path.removeprefix("/")
    if name.startswith("/"):
        folder, _, name = name.rpartition("/")
        if url.hosts:
            raise UnreadableUrl
        return folder, "", name
    ports = [port for _, port in url.hosts]
    if len(ports) > 1 and any(ports):  # list a port for each host, because libpq would use a single one for all
        ports = [port or POSTGRESQL_PORT for port in ports]
    return ",".join(host for host, _ in url.hosts), ",".join(ports).strip(","), name


def _refuse_options(options: Mapping[str, str], *, named: Mapping[str, str]) -> None:
    """Raise UnreadableUrl for an option that libpq does not know, or that another part of the URL overrides."""
    if "dbname" in options or any(value and name in options for name, value in named.items()):
        raise UnreadableUrl
    if not options.keys() <= _known_to_libpq(options.keys()):
        raise UnreadableUrl


def _known_to_libpq(options: Collection[str]) -> set[str]:
    """Return the options that libpq knows, or all `options` if psycopg is missing, which Django reports later."""
    if not options:
        return set()
    try:
        from psycopg.pq import Conninfo
    except ImportError:
        return set(options)
    return {each.keyword.decode() for each in Conninfo.get_defaults()}


def _refuse_other_redis(url: _Url) -> None:
    """Raise UnreadableUrl if redis-py would drop a part, such as a non-numeric path or the host of a unix:// URL."""
    if url.options.keys() & {"host", "port", "username", "password", "path"}:
        raise UnreadableUrl
    if url.scheme == "unix":
        is_fit = not url.hosts and bool(url.path.strip("/"))
    else:
        has_number = re.fullmatch(r"/[0-9]{1,9}", url.path) is not None
        is_fit = has_number != ("db" in url.options) if url.path.strip("/") else True
    if not is_fit or url.scheme not in ("redis", "rediss", "unix") or len(url.hosts) > 1:
        raise UnreadableUrl


def _mail(url: _Url) -> dict[str, Any]:
    backend = environ.Env.EMAIL_SCHEMES.get(url.scheme)
    host, port = url.host
    file = url.path.removeprefix("/")
    # Refuse what Django would ignore: a user without a password (or the reverse), and parts that this e-mail backend
    # does not use.
    if backend is None or url.options or bool(url.user) != bool(url.password):
        raise UnreadableUrl
    if bool(host) != (backend == SMTP) or bool(file) != (backend == FILES) or (url.user and not host):
        raise UnreadableUrl
    if backend == FILES:
        return {"BACKEND": backend, "OPTIONS": {"file_path": file}}
    if backend != SMTP:
        return {"BACKEND": backend, "OPTIONS": {}}
    is_ssl = url.scheme == "smtp+ssl"
    options = {
        "host": host,
        "port": int(port) if port else SMTP_SSL_PORT if is_ssl else SMTP_PORT,
        "username": url.user,
        "password": url.password,
        "use_tls": url.scheme in ("smtps", "smtp+tls"),
        "use_ssl": is_ssl,
        "timeout": MAIL_SECONDS,
    }
    return {"BACKEND": backend, "OPTIONS": options}
