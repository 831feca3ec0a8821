"""The doctor reports certificates that expire soon or are not trusted."""

import datetime
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone

from portal.operations.doctor import Level, outside


@pytest.mark.parametrize(("days", "level"), [(3, Level.WRONG), (14, Level.ADVICE), (90, Level.FINE)])
def test_a_certificate_is_reported_before_it_expires(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, level: Level
) -> None:
    with tls_server(tmp_path, days) as port:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        point_at(settings, port)
        found = list(outside.public_address())
    assert [finding.level for finding in found] == [level, Level.FINE, Level.FINE, Level.WRONG]
    assert "handshake" in found[3].what, "this server takes no websockets"


def test_a_certificate_from_an_unknown_authority_is_wrong(settings: Any, tmp_path: Path) -> None:
    with tls_server(tmp_path, 90) as port:
        point_at(settings, port)
        (found,) = outside.public_address()
    assert (found.level, found.about) == (Level.WRONG, "TLS")


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
        """Ignore the error, because the tests use clients that reject the certificate."""


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
