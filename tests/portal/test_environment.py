"""The settings: what cannot be read stops the start with the variable's name."""

import os
import runpy
import sqlite3
import stat
import subprocess
import sys
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from integrations.services.notices import mailing
from portal import service_urls
from portal.environment import Environment, close_codes, directory_for
from portal.sqlite import PrivateConnection
from tests.support.project import PROJECT

PUBLIC_URL = "import sys; sys.argv = ['x']; from portal import settings; print(settings.PUBLIC_URL)"


def start(folder: Path, *, code: str = PUBLIC_URL, **variables: str) -> subprocess.CompletedProcess[str]:
    """Read the settings in a process of its own, with nothing in its environment but these variables."""
    env = {"PATH": os.environ["PATH"], "SECRET_KEY": "x" * 50, "DATA_DIR": str(folder)} | variables
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.processes
def test_twisted_is_loaded_for_runserver_alone(tmp_path: Path) -> None:
    assert start(tmp_path, code="import portal.asgi, sys; print('twisted' in sys.modules)").stdout == "False\n"
    code = "import sys; sys.argv = ['manage.py', 'runserver']; import portal.asgi; print('twisted' in sys.modules)"
    assert start(tmp_path, code=code).stdout == "True\n"


@pytest.mark.parametrize(("name", "limit"), [("LEASE_SECONDS", 3), ("KEEP_AUDIT_DAYS", 36_500), ("DRAIN_SECONDS", 0)])
def test_a_number_at_its_limit_is_accepted(name: str, limit: float) -> None:
    assert read_settings({name: str(limit)})[name] == limit


@pytest.mark.parametrize(
    ("name", "value", "bounds"),
    [
        ("LEASE_SECONDS", "2", "at least 3"),
        ("DRAIN_SECONDS", "-0.1", "at least 0"),
        ("KEEP_AUDIT_DAYS", "-1", "from 0 to 36500"),
        ("KEEP_AUDIT_DAYS", "36501", "from 0 to 36500"),
    ],
)
def test_a_number_beyond_its_limit_is_rejected_by_the_variables_name(name: str, value: str, bounds: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{name} must be {bounds}.$"):
        read_settings({name: value})


def test_a_default_is_within_its_bounds_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKERS", raising=False)
    with pytest.raises(ImproperlyConfigured, match=r"^WORKERS must be at least 1\.$"):
        Environment().int("WORKERS", default=0, least=1)


def test_the_log_level_is_read_in_any_letter_case() -> None:
    assert read_settings({"LOG_LEVEL": "warning"})["LOG_LEVEL"] == "WARNING"


def test_proxies_are_addresses_and_networks() -> None:
    read = read_settings({"TRUSTED_PROXIES": "10.0.0.1, 10.1.0.0/16,2001:db8::/32"})
    assert read["TRUSTED_PROXIES"] == ["10.0.0.1", "10.1.0.0/16", "2001:db8::/32"]


@pytest.mark.parametrize("text", ["proxy.example.com", "10.0.0.0/33", "*", "10.0.0.1/16"])
def test_a_proxy_that_is_no_address_is_refused_by_the_variables_name(text: str) -> None:
    with pytest.raises(
        ImproperlyConfigured, match=r"^TRUSTED_PROXIES must be a list of addresses .*; item 2 is neither.$"
    ):
        read_settings({"TRUSTED_PROXIES": f"10.0.0.1,{text}"})


def test_close_codes_are_numbers_by_name() -> None:
    assert close_codes({" replaced": "4001", "disabled ": " 1000"}) == {"replaced": 4001, "disabled": 1000}


@pytest.mark.parametrize("number", ["", "no", "4.5", "1e3"])
def test_a_close_code_that_is_no_number_is_refused_by_the_variables_name(number: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="POS_CLOSE_CODES"):
        close_codes({"replaced": number})


def test_the_folder_of_the_database_is_made(tmp_path: Path) -> None:
    directory_for(str(tmp_path / "new" / "newer" / "portal.sqlite3"))
    assert (tmp_path / "new" / "newer").is_dir()


def test_a_folder_that_cannot_be_made_is_refused_by_the_variables_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImproperlyConfigured, match="DATA_DIR"):
        directory_for(str(tmp_path / "file" / "portal.sqlite3"))


@pytest.mark.processes
def test_with_a_secret_key_alone_everything_has_a_default(tmp_path: Path) -> None:
    started = start(tmp_path)
    assert started.stderr == ""
    assert started.stdout == "http://127.0.0.1:8000\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("PUBLIC_URL", "portal.example.com"),
        ("POS_TOKEN_LIFETIME", "0"),
        ("TRUSTED_PROXIES", "*"),
        ("DATABASE_URL", "nosuchdb://x"),
    ],
)
def test_a_wrong_value_stops_the_settings_with_its_name(name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        read_settings({name: value})


@pytest.mark.processes
def test_a_number_that_is_none_stops_the_start_with_its_name(tmp_path: Path) -> None:
    """In a process of its own, for all wrong values."""
    started = start(tmp_path, POS_TOKEN_LIFETIME="five minutes")
    assert started.returncode != 0
    assert "POS_TOKEN_LIFETIME" in started.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "url", ["https://u:hidden-1@mail", "smtp://u:hidden-1", "smtp://u:hidden-1/2@mail", "mail.example.com"]
)
def test_a_mail_server_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"EMAIL_URL must read like smtp\+tls://") as caught:
        read_settings({"EMAIL_URL": url})
    assert "hidden" not in "".join(traceback.format_exception(caught.value))


def test_a_mail_server_is_read_with_its_encryption() -> None:
    read = service_urls.mail("smtp+ssl://ops:a%40b@mail.example.com:465")["OPTIONS"]
    assert (read["host"], read["port"], read["use_ssl"]) == ("mail.example.com", 465, True)
    assert (read["password"], read["timeout"]) == ("a@b", 10)


@pytest.mark.parametrize(("scheme", "port"), [("smtp", 25), ("smtp+tls", 25), ("smtps", 25), ("smtp+ssl", 465)])
def test_a_mail_server_without_a_port_has_the_usual_one(scheme: str, port: int) -> None:
    assert service_urls.mail(f"{scheme}://mail.example.com")["OPTIONS"]["port"] == port


@pytest.mark.parametrize(
    "url",
    ["dummymail://", "consolemail://", "memorymail://", "filemail:///FOLDER", "smtp://h", "smtp+ssl://u:p@h:1"],
)
def test_django_makes_a_connection_by_each_mail_url(url: str, settings: Any, tmp_path: Path) -> None:
    settings.MAILERS = {"default": service_urls.mail(url.replace("/FOLDER", str(tmp_path)))}
    connection: Any = mailing._connection()
    if url.startswith("smtp"):
        assert (connection.timeout, connection.host) == (10, "h")


def test_no_setting_is_one_that_the_next_django_deprecates() -> None:
    """Django 6.1 refuses its own EMAIL_ settings beside MAILERS."""
    names = {name for name in read_settings({"EMAIL_URL": "smtp://u:p@h"}) if name.startswith("EMAIL_")}
    assert names == {"EMAIL_URL"}
    assert read_settings({})["MAILERS"] == {}, "its system check refuses a mailer that sends nothing"


SECRET = "hunter2hunter2"
WRONG = [
    ("POS_TOKEN_LIFETIME", SECRET),
    ("POS_TOKEN_LIFETIME", "-300"),
    ("DRAIN_SECONDS", "10s hunter2"),
    ("DRAIN_SECONDS", "1e400"),
    ("DRAIN_SECONDS", "nan"),
    ("DEBUG", "ture"),
    ("WEBHOOK_ALLOW_PRIVATE", "enabled"),
    ("LOG_LEVEL", SECRET),
    ("LOG_FORMAT", SECRET),
    ("TIME_ZONE", SECRET),
    ("TIME_ZONE", "/etc/passwd"),
    ("PUBLIC_URL", f"https://{SECRET}@portal.example.com"),
    ("PUBLIC_URL", "https://[::1"),
    ("PUBLIC_URL", "https://portal.example.com:99999"),
    ("PUBLIC_URL", "https://portal.example.com#x"),
    ("PUBLIC_URL", "https://portal.example.com/ x"),
    ("OIDC_SERVER_URL", f"https://user:{SECRET}@id.example.com"),
    ("OIDC_SERVER_URL", "https://[hunter2"),
    ("TRUSTED_PROXIES", f"127.0.0.1, {SECRET}"),
    ("REDACTED_FIELDS", f"a, {SECRET}!"),
    ("POS_CLOSE_CODES", SECRET),
    ("OIDC_GROUPS", f"a={SECRET}"),
    ("STAFF_SECOND_FACTOR", SECRET),
    ("PROVIDER_NAME", "x" * 65),
    ("OIDC_NAME", "x" * 41),
    ("SECURE_HSTS_SECONDS", "-1"),
    ("DATA_DIR", "~hunter2nobody/data"),
    ("METRICS_TOKEN", "short"),
    ("SECRET_KEY", "\udcff" + SECRET),
    ("CREDENTIAL_KEY", SECRET + "\udcff"),
    ("POS_TOKEN_LIFETIME", "1_000"),
    ("POS_TOKEN_LIFETIME", "\u0661\u0662"),
    ("POS_TOKEN_LIFETIME", "1e3"),
    ("POS_TOKEN_LIFETIME", "5.0"),
    ("POS_TOKEN_LIFETIME", "99999999999"),
    ("PROVIDER_ID", "9" * 5000),
    ("KEEP_AUDIT_DAYS", "2147483647"),
    ("ALERT_OFFLINE_MINUTES", "2147483647"),
    ("DRAIN_SECONDS", "1_0.5"),
    ("DRAIN_SECONDS", "\u0663"),
    ("DRAIN_SECONDS", "1e300"),
    ("DRAIN_SECONDS", "0x10"),
    ("DEBUG", "jawohl"),
    ("ALLOWED_HOSTS", ",,,"),
    ("TRUSTED_PROXIES", " , ,"),
    ("POS_CLOSE_CODES", "replaced=4409,replaced=1000"),
    ("POS_CLOSE_CODES", "replaced=4_409"),
    ("POS_CLOSE_CODES", "replaced=1000,disabled"),
    ("OIDC_GROUPS", "staff=viewer,staff =operator"),
    ("PUBLIC_URL", "https://portal%2eexample.com"),
    ("PUBLIC_URL", "https://portal.example.com\\x"),
    ("PUBLIC_URL", "https://portal.example.com:0"),
]
DATABASES = [
    f"postgres://portal:{SECRET}/x@127.0.0.1/portal",
    f"postgres://portal:{SECRET}#x@127.0.0.1/portal",
    f"postgres://portal:{SECRET}?x@127.0.0.1/portal",
    f"postgres://portal:12#{SECRET}@127.0.0.1/portal",
    f"postgres://portal:12/{SECRET}@127.0.0.1/portal",
    f"postgres://portal:12?{SECRET}@127.0.0.1/portal",
    f"postgres://portal:[{SECRET}@127.0.0.1/portal",
    f"postgres://portal:{SECRET}@127.0.0.1:port/portal",
    f"postgres://portal:{SECRET}@127.0.0.1:99999/portal",
    f"postgres://portal:{SECRET}\u2100@127.0.0.1/portal",
    f"postgres://portal:{SECRET}\n@127.0.0.1/portal",
    f"postgres://portal:{SECRET}@127.0.0.1/",
    f"postgres://portal:{SECRET}@127.0.0.1",
    f"postgres://portal:{SECRET}@127.0.0.1/portal?sslmode",
    f"mysql://portal:{SECRET}@127.0.0.1/portal",
    f"$OTHER_{SECRET}",
    f"{SECRET}",
    f"sqlite://{SECRET}/portal.sqlite3",
    f"sqlite:////tmp/{SECRET}?mode=ro",
    "sqlite://",
    "sqlite:///:memory:",
    "sqlite:///file:x%3Fmode=memory",
    "sqlite:///a%E9.sqlite3",
    "sqlite:///a%00.sqlite3",
    "sqlite:/a.sqlite3",
    f"postgres://portal:{SECRET}%E9@127.0.0.1/portal",
    f"postgres://portal%FF:{SECRET}@127.0.0.1/portal",
    f"postgres://portal:{SECRET}@h%E9st/portal",
    f"postgres://portal:{SECRET}@127.0.0.1/p%C3%28rtal",
    f"postgres://portal:{SECRET}%00@127.0.0.1/portal",
    f" postgres://portal:{SECRET}@127.0.0.1/portal",
    f"postgres://portal:{SECRET}@127.0.0.1/portal\u00a0",
    f"postgres://portal:{SECRET}@127.0. 0.1/portal",
    f"postgres://portal:{SECRET}@127.0.0.1:\u0665\u0664/portal",
    f"postgres://portal:{SECRET}@127.0.0.1:0/portal",
    f"postgres://portal:{SECRET}@::1/portal",
    f"postgres://portal:{SECRET}@h1,,h2/portal",
    f"postgres://portal:{SECRET}@h//portal",
    f"postgres:/portal:{SECRET}/portal",
    *(
        f"postgres://portal:{SECRET}@127.0.0.1/portal?{options}"
        for options in (
            "sslmode=",
            "sslmode=require&sslmode=disable",
            "sslmod=require",
            "SSLMODE=require",
            "application_name=a%E9",
            "application_name=a%00",
            "application_name=a+b",
            "host=/run/postgresql",
            "user=other",
            f"password={SECRET}",
            "dbname=other",
            "conn_max_age=60",
            "pool=false",
            "CONN_HEALTH_CHECKS=ja",
        )
    ),
]
REDISES = [
    f"redis://:{SECRET}/x@127.0.0.1/0",
    f"redis://:12#{SECRET}@h/0",
    f"redis://:{SECRET}@h:x/0",
    f"http://{SECRET}",
    f"redis://:{SECRET}%E9@h/0",
    f"redis://:{SECRET}@h/main",
    f"redis://:{SECRET}@h/1_0",
    f"redis://:{SECRET}@h/\u0661",
    f"redis://:{SECRET}@h/0/1",
    f"redis://:{SECRET}@h/0?db=1",
    f"redis://:{SECRET}@h/0?protocol=2&protocol=3",
    f"redis://h/0?password={SECRET}",
    f"redis://:{SECRET}@h1,h2/0",
    f"redis://:{SECRET}@h/0 ",
    f"unix://:{SECRET}@run/redis.sock",
    f"unix://:{SECRET}@",
]
MAILS = [f"smtp+tls://u:12#{SECRET}@mail", f"smtp+tls://u:12/{SECRET}@mail", f"smtp+tls://u:{SECRET}@mail:x", SECRET]
MAILS += [
    f"smtp://u:{SECRET}%E9@mail",
    f"smtp://%FF:{SECRET}@mail",
    f"smtp://u:{SECRET}@mail/path",
    f"smtp://u:{SECRET}@mail?EMAIL_USE_TLS=true",
    f"smtp://u:{SECRET}@mail?timeout=5",
    f"smtp://{SECRET}@mail",
    f"smtp://:{SECRET}@mail",
    f"smtp://u:{SECRET}@m1,m2",
    f"smtp://u:{SECRET}@mail:0",
    f"smtp://u:{SECRET}@mail\u2003",
    f"consolemail://u:{SECRET}@mail",
    "filemail://",
]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *WRONG,
        *(("DATABASE_URL", each) for each in DATABASES),
        *(("REDIS_URL", each) for each in REDISES),
        *(("EMAIL_URL", each) for each in MAILS),
    ],
)
def test_a_wrong_value_is_named_and_no_part_of_it_printed(name: str, value: str, capfd: Any) -> None:
    """In a process of ours: one for each would take half a minute."""
    with pytest.raises(ImproperlyConfigured, match=name) as caught:
        read_settings({name: value})
    printed = "".join(traceback.format_exception(caught.value))
    lines = [line for line in printed.splitlines() if not line.startswith("  ")]
    assert "hunter2" not in "".join(lines)
    assert value == "sqlite://" or value not in "".join(lines)
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://portal:p%2Fa%23s%3Fs%25@h:5433/db", ("portal", "p/a#s?s%", "h", 5433, "db")),
        ("postgres://portal:$p=a&s+s!*'(@h/db", ("portal", "$p=a&s+s!*'(", "h", "", "db")),
        ("postgres://portal:p@ss:word@h/a+b", ("portal", "p@ss:word", "h", "", "a+b")),
        ("postgresql://portal@h1:1,h2:2/db", ("portal", "", "h1,h2", "1,2", "db")),
        ("postgres://portal:p@%2Frun%2Fpostgresql/db", ("portal", "p", "/run/postgresql", "", "db")),
        ("postgres:////run/postgresql/db", ("", "", "/run/postgresql", "", "db")),
        ("postgres:////run/My+Folder/a%2Bb", ("", "", "/run/My+Folder", "", "a+b")),
        ("postgres://u:p@%2FRun%2FPostgreSQL/db", ("u", "p", "/Run/PostgreSQL", "", "db")),
        ("postgres://u:p@[::1]:5433/db", ("u", "p", "::1", 5433, "db")),
        ("postgres://u:p@[fe80::1%25eth0]/db", ("u", "p", "fe80::1%eth0", "", "db")),
        ("postgres://u@h1:5433,[::1]/db", ("u", "", "h1,::1", "5433,5432", "db")),
        ("postgres://ü%C3%BC:%F0%9F%94%91 é@h/d%C3%A9", ("üü", "🔑 é", "h", "", "dé")),
        ("postgres://u:100%@h/db", ("u", "100%", "h", "", "db")),
        ("postgres://u:%0Ap@h/db", ("u", "\np", "h", "", "db")),
        ("postgres://u:p@:5433/db", ("u", "p", "", 5433, "db")),
    ],
)
def test_the_parts_of_a_database_url_are_used_as_they_are_written(url: str, expected: tuple[Any, ...]) -> None:
    read = service_urls.database(url, default=Path("/nowhere"))
    assert tuple(read[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")) == expected


def test_the_options_of_a_database_url_are_used_as_they_are_written() -> None:
    options = "application_name=007&options=-c%20search_path%3Da%2Cb&connect_timeout=9&CONN_HEALTH_CHECKS=false"
    url = f"postgres://u:p@h/db?{options}"
    database = read_settings({"DATABASE_URL": url})["DATABASES"]["default"]
    expected = {"application_name": "007", "options": "-c search_path=a,b", "connect_timeout": "9"}
    assert database["OPTIONS"].items() >= expected.items()
    assert database["CONN_HEALTH_CHECKS"] is False
    assert service_urls.database("postgres:///db?host=/run/x", default=Path())["OPTIONS"] == {"host": "/run/x"}


@pytest.mark.parametrize(
    "url",
    ["redis://h", "rediss://u:p%2F@[::1]:6380/15", "redis://h?db=3", "unix://:p@/run/redis.sock?db=1", "redis://"],
)
def test_a_redis_url_is_used_as_it_is_written(url: str) -> None:
    assert service_urls.redis(url) == url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://[::1]:2525", ("::1", 2525, "", "")),
        ("smtp+tls://ops%40x:p%2B+%25@Mail.example", ("Mail.example", 25, "ops@x", "p++%")),
        ("filemail:////var/a+b", ("/var/a+b",)),
        ("dummymail://", ()),
    ],
)
def test_the_parts_of_a_mail_url_are_used_as_they_are_written(url: str, expected: tuple[Any, ...]) -> None:
    read = service_urls.mail(url)["OPTIONS"]
    names = ("host", "port", "username", "password", "file_path")
    assert tuple(read[name] for name in names if name in read) == expected


@pytest.mark.parametrize("name", ["a+b", "a%41b", "a b", "a#b", "a?b", "ü@x"])
def test_the_folder_of_the_data_may_have_any_name(tmp_path: Path, name: str) -> None:
    settings = read_settings({"DATA_DIR": str(tmp_path / name)})
    assert settings["DATABASES"]["default"]["NAME"] == str(tmp_path / name / "portal.sqlite3")
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o700


def test_an_empty_value_means_the_default() -> None:
    """For every variable; compose files and templates set some that they have no value for."""
    variables = {
        line.split("=")[0].lstrip("#") for line in (PROJECT / ".env.example").read_text().splitlines() if "=" in line
    }
    names = {name for name in variables if name.isidentifier() and name.isupper()}
    plain, empty = read_settings({}), read_settings(dict.fromkeys(names - {"SECRET_KEY", "DATA_DIR"}, ""))
    differing = {name for name in plain if name.isupper() and plain[name] != empty[name]}
    assert differing == set()


def test_items_of_lists_may_stand_behind_blanks() -> None:
    read = read_settings(
        {"ALLOWED_HOSTS": "a.example.com, b.example.com ,", "POS_CLOSE_CODES": "replaced=1, disabled = 2"}
    )
    assert read["ALLOWED_HOSTS"] == ["a.example.com", "b.example.com"]
    assert read["POS_CLOSE_CODES"] == {"replaced": 1, "disabled": 2}


@pytest.mark.parametrize(("text", "number"), [("1e1", 10.0), ("0.25", 0.25), (" 3 ", 3.0)])
def test_a_number_is_the_number_that_is_written(text: str, number: float) -> None:
    assert read_settings({"DRAIN_SECONDS": text})["DRAIN_SECONDS"] == number


def read_settings(variables: dict[str, str], *, project: Path = PROJECT) -> dict[str, Any]:
    """Read the settings anew, with these variables alone; the running ones stay as they are.

    `project` is the folder that holds `.env`, and `portal/settings.py` or a copy of it.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "DATA_DIR") if name in os.environ}
    with mock.patch.dict(os.environ, kept | {"SECRET_KEY": "x" * 50} | variables, clear=True):  # they add what .env has
        return runpy.run_path(str(project / "portal" / "settings.py"))


@pytest.mark.parametrize("module", ["manage.py", "-m django"])
@pytest.mark.processes
def test_every_command_makes_the_database_for_its_owner_alone(tmp_path: Path, module: str) -> None:
    env = {"PATH": os.environ["PATH"], "SECRET_KEY": "x" * 50, "DJANGO_SETTINGS_MODULE": "portal.settings"}
    command = [sys.executable, *module.split(), "migrate", "contenttypes", "--verbosity", "0"]
    subprocess.run(
        command, cwd=PROJECT, env=env | {"DATA_DIR": str(tmp_path / "data")}, check=True, timeout=120, umask=0o000
    )
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in [tmp_path / "data", *tmp_path.glob("data/*")]}
    assert modes == {"data": 0o700, "portal.sqlite3": 0o600}


def test_the_files_beside_the_database_have_its_mode(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(sqlite3.connect(str(tmp_path / "x.sqlite3"), factory=PrivateConnection)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE t (x)")
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("x.sqlite3", "x.sqlite3-wal", "x.sqlite3-shm"), 0o600)


def test_a_database_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite3").touch()
    (tmp_path / "x.sqlite3").chmod(0o640)
    with closing(sqlite3.connect(str(tmp_path / "x.sqlite3"), factory=PrivateConnection)) as connection:
        connection.execute("CREATE TABLE t (x)")
    assert stat.S_IMODE((tmp_path / "x.sqlite3").stat().st_mode) == 0o640
