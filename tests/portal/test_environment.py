"""Settings from the environment: an invalid value stops the start and names the variable."""

import os
import sqlite3
import stat
import subprocess
import sys
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from integrations.services.notices import mailing
from portal import service_urls
from portal.environment import Environment, close_codes, directory_for
from portal.sqlite import PrivateConnection
from tests.support.environment import PUBLIC_URL, read_settings
from tests.support.project import PROJECT


def start(folder: Path, *, code: str = PUBLIC_URL, **variables: str) -> subprocess.CompletedProcess[str]:
    """Read the settings in a new process whose environment contains only these variables."""
    env = {"PATH": os.environ["PATH"], "SECRET_KEY": "x" * 50, "DATA_DIR": str(folder)} | variables
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.processes
def test_twisted_is_loaded_only_for_runserver(tmp_path: Path) -> None:
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
def test_a_number_beyond_its_limit_is_rejected_with_the_variables_name(name: str, value: str, bounds: str) -> None:
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
def test_an_invalid_proxy_address_is_refused_with_the_variables_name(text: str) -> None:
    with pytest.raises(
        ImproperlyConfigured, match=r"^TRUSTED_PROXIES must be a list of addresses .*; item 2 is neither.$"
    ):
        read_settings({"TRUSTED_PROXIES": f"10.0.0.1,{text}"})


def test_close_codes_are_read_as_names_and_numbers() -> None:
    assert close_codes({" replaced": "4001", "disabled ": " 1000"}) == {"replaced": 4001, "disabled": 1000}


@pytest.mark.parametrize("number", ["", "no", "4.5", "1e3"])
def test_an_invalid_close_code_is_refused_with_the_variables_name(number: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="POS_CLOSE_CODES"):
        close_codes({"replaced": number})


def test_the_folder_of_the_database_is_created(tmp_path: Path) -> None:
    directory_for(str(tmp_path / "new" / "newer" / "portal.sqlite3"))
    assert (tmp_path / "new" / "newer").is_dir()


def test_a_folder_that_cannot_be_created_is_refused_with_the_variables_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImproperlyConfigured, match="DATA_DIR"):
        directory_for(str(tmp_path / "file" / "portal.sqlite3"))


@pytest.mark.processes
def test_every_setting_but_the_secret_key_has_a_default(tmp_path: Path) -> None:
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
def test_an_invalid_value_stops_the_settings_with_the_variables_name(name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        read_settings({name: value})


@pytest.mark.processes
def test_an_invalid_number_stops_the_start_with_the_variables_name(tmp_path: Path) -> None:
    """This test starts a process; the other tests of invalid values read the settings in the process of the tests."""
    started = start(tmp_path, POS_TOKEN_LIFETIME="five minutes")
    assert started.returncode != 0
    assert "POS_TOKEN_LIFETIME" in started.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "url", ["https://u:hidden-1@mail", "smtp://u:hidden-1", "smtp://u:hidden-1/2@mail", "mail.example.com"]
)
def test_an_invalid_mail_server_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"EMAIL_URL must read like smtp\+tls://") as caught:
        read_settings({"EMAIL_URL": url})
    assert "hidden" not in "".join(traceback.format_exception(caught.value))


def test_the_encryption_of_a_mail_server_is_read() -> None:
    read = service_urls.mail("smtp+ssl://ops:a%40b@mail.example.com:465")["OPTIONS"]
    assert (read["host"], read["port"], read["use_ssl"]) == ("mail.example.com", 465, True)
    assert (read["password"], read["timeout"]) == ("a@b", 10)


@pytest.mark.parametrize(("scheme", "port"), [("smtp", 25), ("smtp+tls", 25), ("smtps", 25), ("smtp+ssl", 465)])
def test_a_mail_server_without_a_port_has_the_default_port(scheme: str, port: int) -> None:
    assert service_urls.mail(f"{scheme}://mail.example.com")["OPTIONS"]["port"] == port


@pytest.mark.parametrize(
    "url",
    ["dummymail://", "consolemail://", "memorymail://", "filemail:///FOLDER", "smtp://h", "smtp+ssl://u:p@h:1"],
)
def test_django_opens_a_connection_for_each_mail_url(url: str, settings: Any, tmp_path: Path) -> None:
    settings.MAILERS = {"default": service_urls.mail(url.replace("/FOLDER", str(tmp_path)))}
    connection: Any = mailing._connection()
    if url.startswith("smtp"):
        assert (connection.timeout, connection.host) == (10, "h")


def test_no_setting_is_deprecated_in_the_next_django() -> None:
    """Django 6.1 refuses a project that sets both MAILERS and any of Django's older EMAIL_ settings."""
    names = {name for name in read_settings({"EMAIL_URL": "smtp://u:p@h"}) if name.startswith("EMAIL_")}
    assert names == {"EMAIL_URL"}
    assert read_settings({})["MAILERS"] == {}, "its system check refuses a mailer that sends nothing"


@pytest.mark.parametrize("module", ["manage.py", "-m django"])
@pytest.mark.processes
def test_every_command_creates_a_database_that_only_its_owner_can_read(tmp_path: Path, module: str) -> None:
    env = {"PATH": os.environ["PATH"], "SECRET_KEY": "x" * 50, "DJANGO_SETTINGS_MODULE": "portal.settings"}
    command = [sys.executable, *module.split(), "migrate", "contenttypes", "--verbosity", "0"]
    subprocess.run(
        command, cwd=PROJECT, env=env | {"DATA_DIR": str(tmp_path / "data")}, check=True, timeout=120, umask=0o000
    )
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in [tmp_path / "data", *tmp_path.glob("data/*")]}
    assert modes == {"data": 0o700, "portal.sqlite3": 0o600}


def test_the_files_beside_the_database_have_the_same_mode(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(sqlite3.connect(str(tmp_path / "x.sqlite3"), factory=PrivateConnection)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE t (x)")
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("x.sqlite3", "x.sqlite3-wal", "x.sqlite3-shm"), 0o600)


def test_an_existing_database_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite3").touch()
    (tmp_path / "x.sqlite3").chmod(0o640)
    with closing(sqlite3.connect(str(tmp_path / "x.sqlite3"), factory=PrivateConnection)) as connection:
        connection.execute("CREATE TABLE t (x)")
    assert stat.S_IMODE((tmp_path / "x.sqlite3").stat().st_mode) == 0o640
