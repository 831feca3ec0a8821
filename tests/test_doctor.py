"""The doctor names what is wrong in plain words, and what to do; and says so by its exit code."""

import datetime
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings as django_settings
from django.core.management import call_command
from django.utils import timezone

from integrations.doctor import Finding, Level, configuration, database, examine, machine, outside
from integrations.models import ServerProcess
from tests.factories import Enabled

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


@pytest.mark.parametrize(
    ("part", "changes", "word"),
    [
        (configuration.addresses, {"ALLOWED_HOSTS": ["other.example.com"]}, "ALLOWED_HOSTS"),
        (configuration.addresses, {"DEBUG": True}, "DEBUG"),
        (configuration.addresses, {"PUBLIC_URL": "http://pos.example.com", "IS_PUBLIC_HTTPS": False}, "plain text"),
        (configuration.proxy, {"TRUSTED_PROXIES": []}, "TRUSTED_PROXIES is empty"),
        (configuration.proxy, {"TRUSTED_PROXIES": ["0.0.0.0/0"]}, "every address"),
        (configuration.proxy, {"METRICS_NETWORKS": ["::/0"]}, "METRICS_NETWORKS"),
        (configuration.secrets, {"SECRET_KEY": "short"}, "SECRET_KEY"),
        (configuration.secrets, {"CREDENTIAL_KEY": "a" * 80}, "CREDENTIAL_KEY"),
        (configuration.framework_checks, {"POS_CLOSE_CODES": {"nonsense": 1000}}, "POS_CLOSE_CODES"),
        (outside.public_address, {"PUBLIC_URL": "https://nowhere.invalid"}, "does not answer"),
    ],
)
def test_a_mistake_is_named_with_what_to_do(settings: Any, part: Any, changes: dict[str, Any], word: str) -> None:
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


def test_a_readable_env_file_is_named(settings: Any, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / ".env").write_text("SECRET_KEY=x")
    (tmp_path / ".env").chmod(0o644)
    assert f"chmod 600 {tmp_path / '.env'}" in [finding.todo for finding in configuration.secrets()]
    (tmp_path / ".env").chmod(0o600)
    assert levels(configuration.secrets()) == {Level.FINE}


def test_more_outlets_than_files_is_wrong(enabled: Enabled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (100, 100))
    (found,) = machine.file_limit()
    assert (found.level, "LimitNOFILE" in found.todo) == (Level.WRONG, True)


def test_a_full_disk_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert levels(machine.disk()) <= {Level.FINE, Level.ADVICE}
    monkeypatch.setattr("integrations.doctor.machine.LEAST_FREE", 10**18)
    assert levels(machine.disk()) == {Level.WRONG}


@pytest.mark.django_db
def test_a_clock_that_went_back_is_wrong() -> None:
    later = timezone.now() + datetime.timedelta(hours=1)
    ServerProcess.objects.create(host="x", pid=1, started_at=later, heartbeat_at=later)
    (found,) = database.clock()
    assert (found.level, "behind" in found.what) == (Level.WRONG, True)


@pytest.mark.django_db
def test_two_processes_without_redis_are_wrong() -> None:
    for pid in (1, 2):
        ServerProcess.objects.create(host="x", pid=pid, started_at=timezone.now(), heartbeat_at=timezone.now())
    assert levels(outside.layer()) == {Level.WRONG}


def test_a_redis_that_does_not_answer_is_wrong_and_its_password_is_not_told(settings: Any) -> None:
    settings.REDIS_URL = "redis://user:hunter2hunter2@127.0.0.1:1/0"
    (found,) = outside.layer()
    assert found.level == Level.WRONG
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(("days", "level"), [(3, Level.WRONG), (14, Level.ADVICE), (90, Level.FINE)])
def test_a_certificate_is_told_before_it_runs_out(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, level: Level
) -> None:
    with tls_server(tmp_path, days) as port:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        point_at(settings, port)
        found = list(outside.public_address())
    assert [finding.level for finding in found] == [level, Level.FINE, Level.FINE, Level.WRONG]
    assert "handshake" in found[3].what, "this server takes no websockets"


def test_a_certificate_by_nobody_known_is_wrong(settings: Any, tmp_path: Path) -> None:
    with tls_server(tmp_path, 90) as port:
        point_at(settings, port)
        (found,) = outside.public_address()
    assert (found.level, found.about) == (Level.WRONG, "TLS")


@pytest.mark.django_db
def test_a_part_that_fails_is_a_finding_and_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[Finding]:
        raise RuntimeError("nobody thought of this")
        yield

    monkeypatch.setattr("integrations.doctor.PARTS", (("odd", broken), ("proxy", configuration.proxy)))
    assert [(finding.about, finding.level) for finding in examine()] == [("odd", Level.WRONG), ("proxy", Level.FINE)]


@pytest.mark.django_db
def test_the_command_ends_with_1_when_something_is_wrong_and_speaks_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.doctor.PARTS", (("proxy", configuration.proxy),))
    out = StringIO()
    call_command("doctor", "--format", "json", stdout=out)
    (found,) = json.loads(out.getvalue())
    assert found.keys() == {"level", "about", "what", "todo"}
    monkeypatch.setattr("integrations.doctor.PARTS", (("public address", outside.public_address),))
    with pytest.raises(SystemExit, match="1"):
        call_command("doctor", stdout=out)
    assert "To do:" in out.getvalue()


def levels(findings: Iterator[Finding]) -> set[Level]:
    return {finding.level for finding in findings}


def point_at(settings: Any, port: int) -> None:
    settings.PUBLIC_URL, settings.IS_PUBLIC_HTTPS = f"https://localhost:{port}", True


class _Alive(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"status": "alive"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        pass


class _Quiet(HTTPServer):
    def handle_error(self, *_args: Any) -> None:
        """A client that does not like the certificate is what is tried here."""


@contextmanager
def tls_server(folder: Path, days: int) -> Iterator[int]:
    _write_certificate(folder, days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with _Quiet(("127.0.0.1", 0), _Alive) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _write_certificate(folder: Path, days: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = timezone.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
