"""A real server behind proxies whose X-Forwarded-Proto spells `https` differently, is `http`, or is missing."""

import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from portal.operations.doctor import Level, outside
from tests.live.conftest import NewStack
from tests.live.stack.binaries import need
from tests.live.stack.processes import Process, free_port, plain_environment
from tests.live.stack.proxies import nginx_file
from tests.live.stack.servers import Stack
from tests.live.stack.waiting import eventually

SAID = ("https", "HTTPS", "https,http", "http, HTTPS", "", "on")
FALSE = "http"
PASSWORD = "a-long-enough-password-47"


@pytest.fixture
def stack(new_stack: NewStack) -> Stack:
    return new_stack(env={"TRUSTED_PROXIES": "127.0.0.1", "PUBLIC_URL": "https://localhost"})


@pytest.fixture
def proxies(stack: Stack, tmp_path: Path) -> Iterator[dict[str, int]]:
    """Run nginx with TLS in front of the server, and yield its port for each value of X-Forwarded-Proto."""
    ports = {value: free_port() for value in (*SAID, FALSE)}
    _certificate(tmp_path)
    servers = "".join(_server(value, port, stack.port, tmp_path) for value, port in ports.items())
    file = nginx_file(f"access_log off;\n{servers}", tmp_path)
    binary = need("nginx", folders=[Path("/usr/sbin")])
    nginx = Process([binary, "-c", str(file), "-g", "daemon off;"], log=tmp_path / "nginx.log", env=plain_environment())
    nginx.start()
    eventually(lambda: _listens(ports[FALSE]), what="nginx listens")
    yield ports
    nginx.stop(signal.SIGTERM)


def test_no_spelling_of_https_causes_a_redirect_loop_and_doctor_reports_a_proxy_with_http(
    proxies: dict[str, int], settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    settings.IS_PUBLIC_HTTPS = True
    found = {}
    for value, port in proxies.items():
        settings.PUBLIC_URL = f"https://localhost:{port}"
        (found[value],) = [finding for finding in outside.public_address() if finding.about == "proxy"]
    assert {value: each.level for value, each in found.items()} == dict.fromkeys(SAID, Level.FINE) | {
        FALSE: Level.WRONG
    }
    assert all("answers 200" in found[value].what for value in SAID)
    assert "X-Forwarded-Proto: https" in found[FALSE].todo


def test_under_https_every_cookie_is_bound_to_this_host(proxies: dict[str, int], tmp_path: Path, stack: Stack) -> None:
    code = f"from django.contrib.auth.models import User; User.objects.create_superuser('anna', password={PASSWORD!r})"
    assert stack.manage("shell", "-c", code).returncode == 0
    context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    base = f"https://localhost:{proxies['https']}"
    with httpx2.Client(base_url=base, verify=context, trust_env=False, headers={"Referer": f"{base}/"}) as browser:
        seen = browser.get("/admin/login/").headers.get_list("set-cookie")
        form = {"username": "anna", "password": PASSWORD}
        token = browser.cookies["__Host-csrftoken"]
        answer = browser.post("/admin/login/", data={**form, "csrfmiddlewaretoken": token})
        seen += answer.headers.get_list("set-cookie")
        assert answer.status_code == 302, answer.text
        assert browser.get("/admin/").status_code == 200
        seen += browser.post(
            "/admin/logout/", data={"csrfmiddlewaretoken": browser.cookies["__Host-csrftoken"]}
        ).headers.get_list("set-cookie")
    names = {each.partition("=")[0] for each in seen}
    assert {"__Host-csrftoken", "__Host-sessionid"} <= names
    assert all(name.startswith("__Host-") for name in names)
    assert all("Path=/" in each and "Secure" in each and "Domain" not in each for each in seen)


def _server(value: str, port: int, upstream: int, folder: Path) -> str:
    return (
        f"server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/cert.pem;"
        f" ssl_certificate_key {folder}/key.pem; location / {{ proxy_pass http://127.0.0.1:{upstream};"
        f' proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto "{value}"; }} }}\n'
    )


def _certificate(folder: Path) -> None:
    command = [need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-days", "90"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
