"""The system checks report invalid settings, and settings that do not work together."""

import warnings
from io import StringIO

import pytest
from django.core.checks.registry import registry
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from integrations.checks import SETTINGS, close_codes, openid_connect, public_url, redis_url, workers
from integrations.models.connection import CloseReason
from integrations.pos.close_codes import CLOSE_CODES


def ids(**overrides: object) -> list[str | None]:
    with override_settings(**overrides):
        return [message.id for message in (*close_codes(), *public_url(), *openid_connect(), *workers())]


@pytest.mark.django_db  # Django 6.0 and later read the database in their checks
def test_the_settings_of_the_tests_pass_the_check() -> None:
    call_command("check", stdout=StringIO())


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1008, 1011, 1012, 1013, 3000, 4409, 4999])
def test_a_code_that_a_server_may_send_is_accepted(code: int) -> None:
    assert ids(POS_CLOSE_CODES={"replaced": code}, IS_PUBLIC_HTTPS=True) == []


@pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1005, 1006, 1015, 2000, 2999, 5000, 70_000])
def test_a_code_that_no_server_may_send_is_an_error(code: int) -> None:
    assert ids(POS_CLOSE_CODES={"replaced": code}, IS_PUBLIC_HTTPS=True) == ["integrations.E002"]


def test_an_unknown_reason_is_an_error_that_names_the_known_ones() -> None:
    with override_settings(POS_CLOSE_CODES={"repalced": 4409}):
        (message,) = close_codes()
    assert message.id == "integrations.E001"
    assert "repalced" in message.msg
    assert all(reason in str(message.hint) for reason in CLOSE_CODES)


@pytest.mark.parametrize("reason", [CloseReason.BY_POS, CloseReason.LINK_LOST, CloseReason.SERVER_LOST])
def test_a_reason_without_a_close_frame_cannot_have_a_code(reason: CloseReason) -> None:
    assert ids(POS_CLOSE_CODES={reason.value: 1000}, IS_PUBLIC_HTTPS=True) == ["integrations.E001"]


def test_plain_http_is_a_warning_for_production() -> None:
    assert ids(IS_PUBLIC_HTTPS=False) == ["integrations.W001"]


@pytest.mark.django_db  # Django 6.0 and later read the database in their checks
def test_the_check_command_stops_at_a_wrong_close_code() -> None:
    with override_settings(POS_CLOSE_CODES={"replaced": 1006}), pytest.raises(SystemCheckError, match=r"E002"):
        call_command("check", stdout=StringIO(), stderr=StringIO())


@pytest.mark.parametrize("command", ["first_login", "outlets", "serve"])
def test_a_command_stops_at_a_wrong_close_code(command: str) -> None:
    with override_settings(POS_CLOSE_CODES={"replaced": 1006}), pytest.raises(SystemCheckError, match=r"E002"):
        call_command(command, skip_checks=False, stdout=StringIO(), stderr=StringIO())


def test_commands_run_every_check_of_the_portal() -> None:
    of_the_portal = [each for each in registry.get_checks(True) if each.__module__ == "integrations.checks"]
    assert len(of_the_portal) > 4
    assert all(SETTINGS in each.tags for each in of_the_portal)


SQLITE = {"default": {"ENGINE": "django.db.backends.sqlite3"}}
POSTGRES = {"default": {"ENGINE": "django.db.backends.postgresql"}}
REDIS = "redis://127.0.0.1:6379/0"


@pytest.mark.parametrize(
    ("databases", "redis_url", "expected"),
    [
        (SQLITE, "", ["integrations.E003", "integrations.E004"]),
        (SQLITE, REDIS, ["integrations.E003"]),
        (POSTGRES, "", ["integrations.E004"]),
        (POSTGRES, REDIS, []),
    ],
)
def test_several_workers_need_postgresql_and_redis(
    databases: dict[str, dict[str, str]], redis_url: str, expected: list[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Django warns about overriding DATABASES; nothing connects here
        assert ids(WORKERS=2, DATABASES=databases, REDIS_URL=redis_url, IS_PUBLIC_HTTPS=True) == expected
        assert ids(WORKERS=1, DATABASES=databases, REDIS_URL=redis_url, IS_PUBLIC_HTTPS=True) == []


@pytest.mark.parametrize("options", ["nosuch=1", "socket_timeout=soon", "db=x"])
def test_an_option_of_redis_url_that_cannot_be_used_is_an_error(options: str) -> None:
    with override_settings(REDIS_URL=f"redis://:hunter2@127.0.0.1:6379?{options}"):
        (message,) = redis_url()
    assert (message.id, "hunter2" in str(message)) == ("integrations.E007", False)
    with override_settings(REDIS_URL=f"{REDIS}?socket_timeout=9"):
        assert redis_url() == []


OIDC = {"OIDC_SERVER_URL": "https://id.example.com", "OIDC_CLIENT_ID": "portal", "OIDC_CLIENT_SECRET": "x"}


@pytest.mark.parametrize("lacking", OIDC)
def test_an_incomplete_provider_is_an_error_that_names_the_missing_settings(lacking: str) -> None:
    with override_settings(**OIDC | {lacking: ""}):
        (message,) = openid_connect()
    assert message.id == "integrations.E005"
    assert lacking in message.msg


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://id.example.com", []),
        ("http://127.0.0.1:9000/realm", []),
        ("http://id.example.com", ["integrations.E006"]),
    ],
)
def test_a_provider_must_use_https_unless_it_is_on_this_machine(url: str, found: list[str]) -> None:
    assert ids(**OIDC | {"OIDC_SERVER_URL": url}, IS_PUBLIC_HTTPS=True) == found
