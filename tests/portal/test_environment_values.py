"""Settings from the environment: errors name the variable but not its value; URL parts are used unchanged."""

import traceback
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal import service_urls
from tests.support.environment import read_settings
from tests.support.project import PROJECT

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
    f"postgres://portal:{SECRET}@,/portal",
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
def test_an_invalid_value_is_named_and_no_part_of_it_is_printed(name: str, value: str, capfd: Any) -> None:
    """Reads all values in this process, because starting a process for each would take half a minute."""
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
def test_the_parts_of_a_database_url_are_used_unchanged(url: str, expected: tuple[Any, ...]) -> None:
    read = service_urls.database(url, default=Path("/nowhere"))
    assert tuple(read[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")) == expected


def test_the_options_of_a_database_url_are_used_unchanged() -> None:
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
def test_a_redis_url_is_used_unchanged(url: str) -> None:
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
def test_the_parts_of_a_mail_url_are_used_unchanged(url: str, expected: tuple[Any, ...]) -> None:
    read = service_urls.mail(url)["OPTIONS"]
    names = ("host", "port", "username", "password", "file_path")
    assert tuple(read[name] for name in names if name in read) == expected


@pytest.mark.parametrize("name", ["a+b", "a%41b", "a b", "a#b", "a?b", "ü@x"])
def test_the_data_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    settings = read_settings({"DATA_DIR": str(tmp_path / name)})
    assert settings["DATABASES"]["default"]["NAME"] == str(tmp_path / name / "portal.sqlite3")
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o700


def test_an_empty_value_means_the_default() -> None:
    """This must apply to every variable, because compose files and templates leave some empty."""
    variables = {
        line.split("=")[0].lstrip("#") for line in (PROJECT / ".env.example").read_text().splitlines() if "=" in line
    }
    names = {name for name in variables if name.isidentifier() and name.isupper()}
    plain, empty = read_settings({}), read_settings(dict.fromkeys(names - {"SECRET_KEY", "DATA_DIR"}, ""))
    differing = {name for name in plain if name.isupper() and plain[name] != empty[name]}
    assert differing == set()


def test_items_of_lists_may_follow_blanks() -> None:
    read = read_settings(
        {"ALLOWED_HOSTS": "a.example.com, b.example.com ,", "POS_CLOSE_CODES": "replaced=1, disabled = 2"}
    )
    assert read["ALLOWED_HOSTS"] == ["a.example.com", "b.example.com"]
    assert read["POS_CLOSE_CODES"] == {"replaced": 1, "disabled": 2}


@pytest.mark.parametrize(("text", "number"), [("1e1", 10.0), ("0.25", 0.25), (" 3 ", 3.0)])
def test_a_number_may_have_blanks_a_point_or_an_exponent(text: str, number: float) -> None:
    assert read_settings({"DRAIN_SECONDS": text})["DRAIN_SECONDS"] == number
