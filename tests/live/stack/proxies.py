"""The proxies of deploy/ in front of a real server, without TLS."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from tests.live.stack.binaries import need
from tests.live.stack.processes import Process, plain_environment
from tests.live.stack.servers import Stack
from tests.support.project import PROJECT

Proxy = Literal["nginx", "caddy"]

NGINX = (PROJECT / "deploy/nginx/portal.conf").read_text()
CADDY = (PROJECT / "deploy/caddy/Caddyfile").read_text()


def proxy_before(
    name: Proxy, stack: Stack, port: int, folder: Path, *, instead: Mapping[str, str] | None = None
) -> Process:
    """Return a proxy, not started yet, that forwards this port to the server and writes its logs to the folder.

    It uses the sample configuration in deploy/. `instead` maps texts of the sample to their replacements; each text
    must occur there exactly once.
    """
    sample = NGINX if name == "nginx" else CADDY
    for text, other in (instead or {}).items():
        assert sample.count(text) == 1, text
        sample = sample.replace(text, other)
    return _nginx(sample, stack, port, folder) if name == "nginx" else _caddy(sample, stack, port, folder)


def _nginx(sample: str, stack: Stack, port: int, folder: Path) -> Process:
    """Return nginx with the sample's HTTPS server, changed to plain HTTP. Forwarding and log stay as in the sample."""
    text = sample[: sample.index("server {\n    listen 80;")] + sample[sample.index("server {\n    listen 443") :]
    text = re.sub(r"^ +(ssl_\w+|listen \[::\]).*;\n", "", text, flags=re.MULTILINE)
    text = text.replace("listen 443 ssl backlog=4096;", f"listen 127.0.0.1:{port};")
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{stack.port}").replace("pos.example.com", "127.0.0.1")
    file = nginx_file(text.replace("/var/log/nginx", str(folder)), folder)
    command = [nginx_binary(), "-c", str(file), "-g", "daemon off;"]
    return Process(command, log=folder / "nginx-stderr.log", env=plain_environment())


def nginx_file(text: str, folder: Path) -> Path:
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"error_log {folder}/main.log crit;\npid {folder}/nginx.pid;\nuser root;\nworker_processes 1;\n"
        f"events {{ worker_connections 512; }}\nhttp {{\n{temporary}{text}\n}}\n"
    )
    return file


def nginx_binary() -> str:
    return need("nginx", folders=[Path("/usr/sbin")])


def _caddy(sample: str, stack: Stack, port: int, folder: Path) -> Process:
    """Return Caddy with the sample configuration. Its address is plain HTTP, so it needs no certificate."""
    file = folder / "Caddyfile"
    file.write_text(sample.replace("\n{\n", "\n{\n\tadmin off\n", 1))
    env = plain_environment() | {
        "HOME": str(folder),
        "PORTAL_HOST": f"http://127.0.0.1:{port}",
        "PORTAL_UPSTREAM": f"127.0.0.1:{stack.port}",
    }
    command = [need("caddy"), "run", "--adapter", "caddyfile", "--config", str(file)]
    return Process(command, log=folder / "caddy.log", env=env)
