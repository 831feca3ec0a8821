"""The doctor reports problems and their solutions in plain words, and exits with 1 if something is wrong."""

import datetime
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from integrations.models import Credential, Request, ServerProcess
from integrations.models.request import RequestState
from integrations.security.secret_digests import Algorithm
from integrations.services.api_keys.api_keys import create_api_key
from integrations.services.requests import contents
from portal.operations.doctor import (
    Finding,
    Level,
    configuration,
    database,
    examine,
    keys,
    machine,
    outside,
    unread_variables,
)
from portal.operations.doctor.finding import fine
from tests.support.factories import ANNA, Enabled, make_enabled_outlet
from tests.support.notice_factories import make_endpoint, make_finished_request

GOOD = {
    "PUBLIC_URL": "https://pos.example.com",
    "IS_PUBLIC_HTTPS": True,
    "ALLOWED_HOSTS": ["pos.example.com"],
    "TRUSTED_PROXIES": ["127.0.0.1"],
    "DEBUG": False,
}


@pytest.fixture(autouse=True)
def _the_database_is_its_owners_alone() -> None:
    file = Path(django_settings.DATABASES["default"]["NAME"])
    if file.is_file():
        file.chmod(0o600)


@pytest.mark.django_db  # Django 6.0 and later read the database in their checks
@pytest.mark.parametrize(
    ("part", "changes", "word"),
    [
        (configuration.addresses, {"ALLOWED_HOSTS": ["other.example.com"]}, "ALLOWED_HOSTS"),
        (configuration.addresses, {"DEBUG": True}, "DEBUG"),
        (configuration.addresses, {"PUBLIC_URL": "http://pos.example.com", "IS_PUBLIC_HTTPS": False}, "plain text"),
        (configuration.proxy, {"TRUSTED_PROXIES": []}, "TRUSTED_PROXIES is empty"),
        (configuration.proxy, {"TRUSTED_PROXIES": ["0.0.0.0/0"]}, "contains every address"),
        (configuration.proxy, {"METRICS_NETWORKS": ["::/0"]}, "METRICS_NETWORKS"),
        (configuration.proxy, {"METRICS_NETWORKS": ["::ffff:0:0/96"]}, "METRICS_NETWORKS"),
        (configuration.secrets, {"SECRET_KEY": "short"}, "SECRET_KEY"),
        (configuration.secrets, {"CREDENTIAL_KEY": "a" * 80}, "CREDENTIAL_KEY"),
        (configuration.framework_checks, {"POS_CLOSE_CODES": {"nonsense": 1000}}, "POS_CLOSE_CODES"),
        (outside.public_address, {"PUBLIC_URL": "https://nowhere.invalid"}, "does not answer"),
    ],
)
def test_a_mistake_is_reported_with_what_to_do(settings: Any, part: Any, changes: dict[str, Any], word: str) -> None:
    for name, value in (GOOD | changes).items():
        setattr(settings, name, value)
    (found,) = [finding for finding in part() if finding.level == Level.WRONG and word in finding.what]
    assert found.todo
    assert "short" not in found.what.replace("is short", "")


@pytest.mark.parametrize("part", [configuration.addresses, configuration.proxy, configuration.secrets])
def test_a_good_configuration_is_fine(settings: Any, part: Any) -> None:
    for name, value in GOOD.items():
        setattr(settings, name, value)
    assert {finding.level for finding in part()} == {Level.FINE}


def test_an_env_file_that_others_can_read_is_reported(settings: Any, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / ".env").write_text("SECRET_KEY=x")
    (tmp_path / ".env").chmod(0o644)
    assert f"chmod 600 {tmp_path / '.env'}" in [finding.todo for finding in configuration.secrets()]
    (tmp_path / ".env").chmod(0o600)
    assert levels(configuration.secrets()) == {Level.FINE}


class TestTheNames:
    @pytest.fixture
    def file(self, settings: Any, tmp_path: Path) -> Path:
        settings.ENV_FILE = tmp_path / ".env"
        return tmp_path / ".env"

    @pytest.mark.parametrize(
        ("content", "said", "proposed"),
        [
            ("TRUSTED_PROXY=127.0.0.1\n", "TRUSTED_PROXY", "is it TRUSTED_PROXIES?"),
            ("secret_key=hunter2\n", "line 1", "is it SECRET_KEY?"),
            ("PORTAL_HOST=pos.example.com\n", "PORTAL_HOST", "if another program reads it"),
            ("WATCH_INTERVAL=5\n", "WATCH_INTERVAL", "remove the line if an older version had the setting"),
        ],
    )
    def test_in_the_env_file_that_the_portal_does_not_read_are_reported(
        self, file: Path, content: str, said: str, proposed: str
    ) -> None:
        file.write_text(content)
        (found,) = unread_variables.names()
        assert (found.level, said in found.what, proposed in found.todo) == (Level.ADVICE, True, True)
        assert "hunter2" not in str(found)

    @pytest.mark.usefixtures("file")
    def test_misspelt_in_the_environment_are_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CREDENTIAL_KEYS", "hunter2")
        (found,) = unread_variables.names()
        assert (found.level, "is it CREDENTIAL_KEY?" in found.todo) == (Level.ADVICE, True)
        assert "hunter2" not in str(found)

    def test_with_two_values_are_reported(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file.write_text("CREDENTIAL_KEY=hunter2\nPROVIDER_NAME=Us\n")
        monkeypatch.setenv("CREDENTIAL_KEY", "hunter3")
        monkeypatch.setenv("PROVIDER_NAME", "Us")
        (found,) = unread_variables.names()
        assert (found.level, "CREDENTIAL_KEY has different values" in found.what) == (Level.ADVICE, True)
        assert "hunter" not in str(found)

    def test_of_every_setting_are_known(self, file: Path) -> None:
        lines = (django_settings.BASE_DIR / ".env.example").read_text().splitlines()
        named = {line.lstrip("#").split("=")[0] for line in lines if "=" in line and not line.startswith("# ")}
        file.write_text("".join(f"{name}=\n" for name in named))
        assert levels(unread_variables.names()) == {Level.FINE}


@pytest.mark.django_db
class TestTheKeys:
    """The doctor reports each kind of stored value whose key was removed from the settings."""

    def test_are_fine_while_all_can_be_used(self, enabled: Enabled) -> None:
        store_everything(enabled)
        assert levels(keys.stored_under_lost_keys()) == {Level.FINE}

    def test_that_were_removed_are_reported_with_counts_of_the_stored_secrets(
        self, enabled: Enabled, settings: Any
    ) -> None:
        store_everything(enabled)
        settings.CREDENTIAL_KEY, settings.CREDENTIAL_KEY_FALLBACKS = "z" * 60, []
        (found,) = keys.stored_under_lost_keys()
        assert found.level == Level.WRONG
        counted = "1 POS secrets, 1 API keys, 1 webhook secrets, 2 second factors, 1 open requests"
        assert f"Stored: {counted}." in found.what
        assert "CREDENTIAL_KEY_FALLBACKS" in found.todo

    def test_that_were_removed_for_some_secrets_are_reported(self, enabled: Enabled, settings: Any) -> None:
        store_everything(enabled)
        old, settings.CREDENTIAL_KEY = settings.CREDENTIAL_KEY, "z" * 60
        make_enabled_outlet()
        settings.CREDENTIAL_KEY_FALLBACKS = []
        (found,) = keys.stored_under_lost_keys()
        assert "no longer configured: 1 POS secrets, 1 API keys" in found.what
        settings.CREDENTIAL_KEY_FALLBACKS = [old]
        (found,) = keys.stored_under_lost_keys()
        assert (found.level, "2 of 3 digests are under a fallback" in found.what) == (Level.FINE, True)

    @pytest.mark.usefixtures("enabled")
    def test_that_are_only_fallbacks_are_reported_as_advice(self, settings: Any) -> None:
        settings.CREDENTIAL_KEY, settings.CREDENTIAL_KEY_FALLBACKS = "z" * 60, [settings.CREDENTIAL_KEY]
        assert levels(keys.stored_under_lost_keys()) == {Level.ADVICE}

    @pytest.mark.usefixtures("enabled")
    def test_are_not_needed_by_secrets_that_are_adopted(self, settings: Any) -> None:
        Credential.objects.update(algorithm=Algorithm.ARGON2ID)
        settings.CREDENTIAL_KEY, settings.CREDENTIAL_KEY_FALLBACKS = "z" * 60, []
        assert levels(keys.stored_under_lost_keys()) == {Level.FINE}


@pytest.mark.parametrize(("edge", "said"), [("a,b", "contains a comma"), (" ", "begins or ends with a space")])
def test_a_key_that_no_list_can_contain_is_reported(settings: Any, edge: str, said: str) -> None:
    settings.CREDENTIAL_KEY = edge + "0123456789" * 6
    (found,) = configuration.secrets()
    assert (found.level, said in found.what) == (Level.ADVICE, True)


@pytest.mark.parametrize(
    ("message", "todo"),
    [
        ('FATAL: too many connections for role "portal"', "max_connections"),
        ("FATAL: sorry, too many clients already", "max_connections"),
        ("FATAL: remaining connection slots are reserved for roles with the SUPERUSER attribute", "max_connections"),
        ('connection to server on socket "/run/x" failed: Is it accepting connections on that socket?', "folder"),
        ("FATAL: the database system is starting up", "Is it running?"),
        ('FATAL: database "password" does not exist', "Create the database"),
        ('FATAL: role "database" does not exist', "Create the role"),
        ("fe_sendauth: no password supplied", "USER and PASSWORD"),
    ],
)
def test_the_advice_matches_the_drivers_message(monkeypatch: pytest.MonkeyPatch, message: str, todo: str) -> None:
    monkeypatch.setattr(connection, "vendor", "postgresql")
    assert todo in database._todo(message)


REFUSED_BY_DRIVER = (
    'connection to server at "10.0.0.9", port 9 failed: FATAL: password authentication failed for user "portal-2026"'
)


@pytest.mark.parametrize(
    "password", ["p", "port", "portal", "10.0.0.9", "portal-2026", "password", "connection", "authentication"]
)
def test_a_drivers_message_is_not_masked_where_the_password_may_occur_by_chance(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    named = {"USER": "portal-2026", "HOST": "10.0.0.9", "PORT": "9", "PASSWORD": password}
    for name, value in named.items():
        monkeypatch.setitem(django_settings.DATABASES["default"], name, value)
    assert database._without_password(REFUSED_BY_DRIVER) == REFUSED_BY_DRIVER


@pytest.mark.parametrize(
    ("password", "message", "expected"),
    [
        ("hunter-2-hunter", "no route for hunter-2-hunter", "no route for [redacted]"),
        ("p", "unknown option in postgres://u:p@h/db", "unknown option in postgres://u:[redacted]@h/db"),
        ("p", "invalid dsn: host=h user=u password=p", "invalid dsn: host=h user=u password=[redacted]"),
        ("p q", "invalid dsn: PASSWORD = 'p q' host=h", "invalid dsn: PASSWORD = [redacted] host=h"),
    ],
)
def test_a_drivers_message_does_not_show_the_password(
    monkeypatch: pytest.MonkeyPatch, password: str, message: str, expected: str
) -> None:
    monkeypatch.setitem(django_settings.DATABASES["default"], "PASSWORD", password)
    assert fine("database", database._without_password(message)).what == expected


def test_more_outlets_than_files_is_wrong(enabled: Enabled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (100, 100))
    (found,) = machine.file_limit()
    assert (found.level, "LimitNOFILE" in found.todo) == (Level.WRONG, True)


def test_a_full_disk_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert levels(machine.disk()) <= {Level.FINE, Level.ADVICE}
    monkeypatch.setattr("portal.operations.doctor.machine.LEAST_FREE", 10**18)
    assert levels(machine.disk()) == {Level.WRONG}


@pytest.mark.django_db
def test_a_clock_that_was_set_back_is_wrong() -> None:
    later = timezone.now() + datetime.timedelta(hours=1)
    ServerProcess.objects.create(host="x", pid=1, started_at=later, heartbeat_at=later)
    (found,) = database.clock()
    assert (found.level, "behind" in found.what) == (Level.WRONG, True)


@pytest.mark.django_db
def test_two_processes_without_redis_are_wrong() -> None:
    for pid in (1, 2):
        ServerProcess.objects.create(host="x", pid=pid, started_at=timezone.now(), heartbeat_at=timezone.now())
    assert levels(outside.layer()) == {Level.WRONG}


def test_an_unreachable_redis_is_wrong_and_its_password_is_not_shown(settings: Any) -> None:
    settings.REDIS_URL = "redis://user:hunter2hunter2@127.0.0.1:1/0"
    (found,) = outside.layer()
    assert found.level == Level.WRONG
    assert "hunter2" not in str(found)


@pytest.mark.django_db
def test_a_failing_part_is_a_finding_and_does_not_end_the_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[Finding]:
        raise RuntimeError("an unforeseen error")
        yield

    monkeypatch.setattr("portal.operations.doctor.PARTS", (("odd", broken), ("proxy", configuration.proxy)))
    assert [(finding.about, finding.level) for finding in examine()] == [("odd", Level.WRONG), ("proxy", Level.FINE)]


@pytest.mark.django_db
def test_the_command_exits_with_1_if_something_is_wrong_and_can_print_json(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.operations.doctor.PARTS", (("proxy", configuration.proxy),))
    out = StringIO()
    call_command("doctor", "--format", "json", stdout=out)
    (found,) = json.loads(out.getvalue())
    assert found.keys() == {"level", "about", "what", "todo"}
    settings.TRUSTED_PROXIES = ["0.0.0.0/0"]
    with pytest.raises(SystemExit, match="1"):
        call_command("doctor", stdout=out)
    assert "To do:" in out.getvalue()


def store_everything(enabled: Enabled) -> None:
    """Store one value of each kind that is useless without CREDENTIAL_KEY; `enabled` already has a POS secret.

    Two kinds of second factor need the key: authenticator apps and recovery codes. A passkey is stored too, but does
    not need the key, because it is not encrypted.
    """
    create_api_key("Shop", actor=ANNA)
    make_endpoint()
    user, adapter = User.objects.create_user("anna"), get_adapter()
    for kind, name in ((Authenticator.Type.TOTP, "secret"), (Authenticator.Type.RECOVERY_CODES, "seed")):
        Authenticator.objects.create(user=user, type=kind, data={name: adapter.encrypt("JBSWY3DP")})
    Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data={"credential": {}})
    sealed = contents.keep_request("4711", "{}").sealed
    request = make_finished_request(enabled.integration, sealed_request=sealed)
    Request.objects.filter(pk=request.pk).update(state=RequestState.QUEUED, ended_at=None)


def levels(findings: Iterator[Finding]) -> set[Level]:
    return {finding.level for finding in findings}
