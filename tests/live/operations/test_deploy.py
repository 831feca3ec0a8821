"""The sample files in deploy/ work: POSes connect through proxies that log no token; only DATA_DIR is written to."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.live.callers.clients import connect, request, token_for
from tests.live.stack.binaries import give_up, need
from tests.live.stack.ledger import LEDGER
from tests.live.stack.processes import Process, free_port, plain_environment
from tests.live.stack.proxies import NGINX, nginx_binary, nginx_file, proxy_before
from tests.live.stack.servers import Depot, Stack
from tests.live.stack.waiting import eventually
from tests.support.project import PROJECT


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxied(
    request: pytest.FixtureRequest, depot: Depot, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stack, str, Path]]:
    """A server, the address of a proxy in front of it, and the folder of the proxy's logs."""
    stack = depot.make("serve", env={"TRUSTED_PROXIES": "127.0.0.1", "METRICS_NETWORKS": "0.0.0.0/0"})
    port, folder = free_port(), tmp_path_factory.mktemp(request.param)
    proxy = proxy_before(request.param, stack, port, folder)
    proxy.start()
    address = f"127.0.0.1:{port}"
    eventually(lambda: _status(f"http://{address}/healthz") == 200, what="the proxy answers")
    yield stack, address, folder
    proxy.stop(signal.SIGTERM)
    stack.close()


def test_the_proxy_passes_the_clients_address_and_ignores_forged_ones(
    proxied: tuple[Stack, str, Path],
) -> None:
    stack, address, _ = proxied
    body = stack.supply_outlet().as_request() | {"AuthSecret": "wrong"}
    headers = {"X-Forwarded-For": "203.0.113.99"}
    assert (
        httpx2.post(f"http://{address}/api/powerepos/v1/auth", json=body, headers=headers, trust_env=False).status_code
        == 401
    )
    seen = eventually(
        lambda: stack.rows("SELECT DISTINCT address FROM integrations_authattempt"), what="it is recorded"
    )
    assert seen == [("127.0.0.1",)]


def test_the_proxy_hides_the_metrics_and_limits_the_auth_endpoint(proxied: tuple[Stack, str, Path]) -> None:
    stack, address, _ = proxied
    assert _status(f"http://{address}/metrics") == 404
    assert _status(f"http://{address}/readyz") == 404
    assert request(stack, "GET", "/metrics").status_code == 200
    url = f"http://{address}/api/powerepos/v1/auth"
    assert httpx2.post(url, content=b"x" * 20_000, trust_env=False).json()["ErrorMessage"], "the portal's own words"
    # The answer is 413. Caddy may answer 502 if the portal refuses the body before Caddy has sent all of it.
    assert httpx2.post(url, content=b"x" * 200_000, trust_env=False).status_code in (413, 502)


def test_a_pos_connects_through_the_proxy_and_its_token_is_in_no_log(proxied: tuple[Stack, str, Path]) -> None:
    """This test kills the shared server, so it must be the last test that uses the server."""
    stack, address, folder = proxied
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    answer = httpx2.post(f"http://{address}/api/powerepos/v1/auth", json=outlet.as_request(), trust_env=False)
    LEDGER.remember(answer.json()["AccessToken"])
    with connect(stack, url=f"ws://{address}/?token={token}") as pos:
        assert pos.is_open()
    assert _status(f"http://{address}/?token={token}") == 302
    stack.kill()
    assert _status(f"http://{address}/?token={token}") == 502
    logs = [file for file in folder.iterdir() if file.suffix == ".log"]
    assert any("/api/powerepos/v1/auth" in file.read_text() for file in logs), "it does log"
    assert not [file for file in logs if token in file.read_text() or answer.json()["AccessToken"] in file.read_text()]


def test_nginx_accepts_the_unchanged_sample(tmp_path: Path) -> None:
    _certificate(tmp_path)
    text = NGINX.replace("/etc/ssl/pos.example.com/fullchain.pem", str(tmp_path / "cert.pem"))
    text = text.replace("/etc/ssl/pos.example.com/key.pem", str(tmp_path / "key.pem"))
    file = nginx_file(text.replace("/var/log/nginx", str(tmp_path)), tmp_path)
    done = subprocess.run([nginx_binary(), "-t", "-c", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_caddy_accepts_the_unchanged_sample(tmp_path: Path) -> None:
    command = [need("caddy"), "validate", "--adapter", "caddyfile", "--config", str(PROJECT / "deploy/caddy/Caddyfile")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=plain_environment() | {"HOME": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr


def test_the_image_serves_on_a_read_only_file_system_with_a_writable_data_folder(depot: Depot, tmp_path: Path) -> None:
    stack = depot.make("serve", is_started=False)
    outlet = stack.supply_outlet()
    data = stack.log_path.parent
    port = free_port()
    server = Process(
        [*_read_only_but(data, tmp_path), sys.executable, *_image_command()[1:-3], "127.0.0.1", "--port", str(port)],
        log=tmp_path / "read-only.log",
        env=stack.env | {"PYTHONDONTWRITEBYTECODE": "1"},
        cwd=PROJECT,
    )
    server.start()
    try:
        eventually(lambda: _status(f"http://127.0.0.1:{port}/readyz") == 200, timeout=20, what="it serves")
        url = f"http://127.0.0.1:{port}/api/powerepos/v1/auth"
        answer = httpx2.post(url, json=outlet.as_request(), trust_env=False)
        LEDGER.remember(answer.json().get("AccessToken"))
        assert answer.status_code == 200
        assert server.stop(timeout=20) == 0
    finally:
        server.kill()
        stack.close()
    assert "Read-only" not in server.log_text()


def _image_command() -> list[str]:
    command: list[str] = json.loads(
        re.findall(r"^CMD (\[.*\])$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)[0]
    )
    return command


def _read_only_but(data: Path, scratch: Path) -> list[str]:
    """Return a command prefix that makes every file system read-only except one folder."""
    unshare = need("unshare")
    script = scratch / "read-only.sh"
    script.write_text(
        'set -e\nmount --make-rprivate /\nmount --bind "$1" "$1"\n'
        'cut -d" " -f5,6 /proc/self/mountinfo | while read -r point options; do\n'
        '  case $point in /proc* | /sys* | /dev* | "$1") continue ;; esac\n'
        '  mount -o remount,bind,ro "$point" 2>/dev/null || true\n'
        'done\n! touch "$2" 2>/dev/null || { echo "still writable" >&2; exit 9; }\nshift 2\nexec "$@"\n'
    )
    probe = subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False)
    if os.geteuid() != 0 or probe.returncode != 0:
        give_up("file systems can be mounted read-only by root alone")
    return [unshare, "--mount", "sh", str(script), str(data), str(PROJECT / "must-not-be-writable")]


def _certificate(folder: Path) -> None:
    command = [need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=pos.example.com"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command, *files], check=True, capture_output=True)


def _status(url: str) -> int:
    try:
        return httpx2.get(url, trust_env=False, verify=False, timeout=10).status_code
    except httpx2.TransportError:
        return 0
