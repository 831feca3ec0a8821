"""The settings: what cannot be read stops the start with the variable's name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

import portal
from portal.environment import Environment, at_least, close_codes, directory_for, networks

PROJECT = Path(portal.__file__).parents[1]
EXAMPLE = PROJECT / ".env.example"


PUBLIC_URL = "import sys; sys.argv = ['x']; from portal import settings; print(settings.PUBLIC_URL)"


def start(folder: Path, *, code: str = PUBLIC_URL, **variables: str) -> subprocess.CompletedProcess[str]:
    """Read the settings in a process of its own, with nothing in its environment but these variables."""
    env = {"PATH": os.environ["PATH"], "SECRET_KEY": "x" * 50, "DATA_DIR": str(folder)} | variables
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_twisted_is_loaded_for_runserver_alone(tmp_path: Path) -> None:
    assert start(tmp_path, code="import portal.asgi, sys; print('twisted' in sys.modules)").stdout == "False\n"
    code = "import sys; sys.argv = ['manage.py', 'runserver']; import portal.asgi; print('twisted' in sys.modules)"
    assert start(tmp_path, code=code).stdout == "True\n"


def test_a_number_at_the_limit_is_taken() -> None:
    assert at_least(3, 3, "LEASE_SECONDS") == 3


def test_a_number_below_its_limit_is_refused_by_the_variables_name() -> None:
    with pytest.raises(ImproperlyConfigured, match="LEASE_SECONDS must be at least 3, not 2"):
        at_least(3, 2, "LEASE_SECONDS")


def test_proxies_are_addresses_and_networks() -> None:
    assert networks(["10.0.0.1", "10.1.0.0/16", "2001:db8::/32"], "TRUSTED_PROXIES") == [
        "10.0.0.1",
        "10.1.0.0/16",
        "2001:db8::/32",
    ]


@pytest.mark.parametrize("text", ["proxy.example.com", "10.0.0.0/33", "", "*", "10.0.0.1/16"])
def test_a_proxy_that_is_no_address_is_refused_by_the_variables_name(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES"):
        networks(["10.0.0.1", text], "TRUSTED_PROXIES")


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
def test_a_wrong_value_stops_the_start_with_its_name(tmp_path: Path, name: str, value: str) -> None:
    started = start(tmp_path, **{name: value})
    assert started.returncode != 0
    assert name in started.stderr.splitlines()[-1]


def test_a_number_that_is_none_stops_the_start_with_its_name(tmp_path: Path) -> None:
    started = start(tmp_path, POS_TOKEN_LIFETIME="five minutes")
    assert started.returncode != 0
    assert "POS_TOKEN_LIFETIME" in started.stderr.splitlines()[-1]


def test_the_example_names_every_variable_that_the_settings_read() -> None:
    documented = {line.split("=")[0].lstrip("#") for line in EXAMPLE.read_text().splitlines() if "=" in line}
    source = (PROJECT / "portal" / "settings.py").read_text()
    read = {piece.split('"')[1] for piece in source.split("env.")[1:] if '("' in piece[:12]}
    assert read <= documented, read - documented
    assert {name for name in documented if name.isidentifier() and name.isupper()} <= read


@pytest.mark.parametrize(
    "url", ["https://u:hidden-1@mail", "smtp://u:hidden-1", "smtp://u:hidden-1/2@mail", "mail.example.com"]
)
def test_a_mail_server_that_cannot_be_read_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    done = start(tmp_path, EMAIL_URL=url)
    assert done.returncode != 0
    assert "EMAIL_URL must read like smtp+tls://" in done.stderr
    assert "hidden" not in done.stderr


def test_a_mail_server_is_read_with_its_encryption() -> None:
    read = Environment().mail("smtp+ssl://ops:a%40b@mail.example.com:465")
    assert (read["EMAIL_HOST"], read["EMAIL_PORT"], read["EMAIL_USE_SSL"]) == ("mail.example.com", 465, True)
    assert read["EMAIL_HOST_PASSWORD"] == "a@b"
