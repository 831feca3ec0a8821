"""The files of deploy/, as far as they can be tested without a container engine."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.urls import get_resolver, resolve

from integrations.backend.backend_http import MAX_API_BODY
from integrations.backend.requests.order_calls import MAX_TIMEOUT
from integrations.pos.messages import MAX_AUTH_BODY
from integrations.services import metrics
from integrations.wire.endpoints import AUTH_PATH
from integrations.wire.limits import KIBIBYTE, MAX_PAGE_BODY, MEBIBYTE
from tests.live.stack.binaries import need
from tests.live.stack.processes import Process, free_port, plain_environment
from tests.live.stack.waiting import eventually
from tests.support.project import PROJECT
from tests.test_documentation import settings_read
from tests.test_recipes import views

DEPLOY = PROJECT / "deploy"
OF_THE_PROCESS = {f"process_{name}" for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds")}


def names_of_all_metrics() -> set[str]:
    return {*metrics.REGISTRY._names_to_collectors, *metrics.FROM_DATABASE, metrics.BUILD_INFO[0], *OF_THE_PROCESS}


@pytest.mark.parametrize("file", ["grafana/portal.json", "prometheus/alerts.yml"])
def test_every_metric_in_a_file_exists(file: str) -> None:
    named = set(re.findall(r"\b(?:onp|process)_[a-z_]+", (DEPLOY / file).read_text()))
    assert named
    assert named <= names_of_all_metrics()


def test_every_metric_of_the_portal_is_on_the_dashboard() -> None:
    text = (DEPLOY / "grafana/portal.json").read_text()
    families = {family.name for family in metrics.REGISTRY.collect()} | set(metrics.FROM_DATABASE)
    assert [name for name in families if name not in text] == []


def test_every_panel_of_the_dashboard_has_a_position_and_a_query() -> None:
    panels = json.loads((DEPLOY / "grafana/portal.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["targets"] and panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_every_alert_says_what_happened_and_what_to_do() -> None:
    groups = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"]
    for rule in groups[0]["rules"]:
        assert rule["annotations"].keys() == {"summary", "what_to_do"}, rule["alert"]


@pytest.mark.processes
def test_prometheus_accepts_the_rules() -> None:
    run(need("promtool"), "check", "rules", str(DEPLOY / "prometheus/alerts.yml"))


@pytest.mark.processes
def test_failing_api_calls_and_webhooks_raise_their_alerts() -> None:
    run(need("promtool"), "test", "rules", str(Path(__file__).with_name("alerts.yml")))


def test_the_files_that_the_image_copies_exist_and_are_not_ignored() -> None:
    copied = [
        source
        for line in (PROJECT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    let_through = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied
    assert set(copied) == let_through
    assert all((PROJECT / source).exists() for source in copied)


def test_the_image_runs_an_existing_command_as_an_unprivileged_user() -> None:
    text = (PROJECT / "Dockerfile").read_text()
    command = json.loads(re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)[0])
    assert command[:3] == ["python", "manage.py", "serve"]
    assert text.index("USER portal") < text.index("CMD [")
    assert "HEALTHCHECK" in text


def test_the_compose_file_runs_the_portal_read_only_and_keeps_its_data_in_volumes() -> None:
    content = compose()
    services = content["services"]
    assert services.keys() == {"portal", "migrate", "proxy", "postgres", "redis"}
    for name in ("portal", "migrate"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    mounted = {each.split(":")[0] for service in services.values() for each in service.get("volumes", ())}
    assert {each for each in mounted if not each.startswith("./")} == content["volumes"].keys()
    assert all((PROJECT / each).exists() for each in mounted if each.startswith("./"))
    assert "ports" not in services["portal"] | services["postgres"] | services["redis"]


def test_images_are_pinned_by_digest() -> None:
    named = [service["image"] for service in compose()["services"].values() if "build" not in service]
    named += re.findall(r"^FROM (\S+)", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(named) == 5
    assert [image for image in named if not re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", image)] == []


@pytest.mark.processes
def test_the_redis_of_the_compose_file_requires_a_password(tmp_path: Path) -> None:
    """Starts the installed Redis with the command that the compose file has for its Redis service."""
    redis = compose()["services"]["redis"]
    assert "ports" not in redis
    url = compose()["services"]["portal"]["environment"]["REDIS_URL"]
    assert url == "redis://:${REDIS_PASSWORD:?set it in .env}@redis:6379/0"
    assert redis["environment"] == {"REDISCLI_AUTH": "${REDIS_PASSWORD:?set it in .env}"}
    need("redis-server")
    port, password = free_port(), "s3cretOfRedis"
    script = redis["command"][-1].replace("$$", "$").replace("redis-server -", f"redis-server - --port {port}")
    environment = plain_environment() | {"REDISCLI_AUTH": password}
    server = Process([*redis["command"][:-1], script], log=tmp_path / "redis.log", env=environment, cwd=tmp_path)
    server.start()
    try:
        eventually(lambda: ping(port, password) == "PONG", what="Redis answers callers with the password")
        assert "NOAUTH" in ping(port, "")
        assert password not in Path(f"/proc/{server.pid}/cmdline").read_text()
        # The process is Redis itself and not a shell, which would not pass signals on.
        assert b"redis-server" in Path(f"/proc/{server.pid}/cmdline").read_bytes()
    finally:
        server.kill()


def ping(port: int, password: str) -> str:
    env = plain_environment() | ({"REDISCLI_AUTH": password} if password else {})
    done = subprocess.run(
        [need("redis-cli"), "-p", str(port), "ping"], env=env, capture_output=True, text=True, check=False, timeout=10
    )
    return done.stdout.strip()


def test_the_compose_file_has_only_existing_settings() -> None:
    assert compose()["services"]["portal"]["environment"].keys() <= settings_read().keys()


@pytest.mark.processes
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "systemd/order-n-pay.service").read_text()
    unit = tmp_path / "order-n-pay.service"
    unit.write_text(text.replace("/opt/order-n-pay/.venv/bin/python", shutil.which("true") or "/bin/true"))
    done = run(need("systemd-analyze"), "verify", str(unit))
    assert not [line for line in done.stderr.splitlines() if "order-n-pay" in line]


def test_the_unit_raises_the_file_limit_and_waits_for_the_drain() -> None:
    text = (DEPLOY / "systemd/order-n-pay.service").read_text()
    assert int(re.findall(r"^LimitNOFILE=(\d+)", text, re.MULTILINE)[0]) >= 100_000
    stop = settings.DRAIN_NOTICE_SECONDS + settings.DRAIN_SECONDS + 30  # as docs/operations.md says
    assert int(re.findall(r"^TimeoutStopSec=(\d+)", text, re.MULTILINE)[0]) > stop
    assert "ExecReload=/bin/kill -HUP $MAINPID\n" in text


def test_the_proxies_accept_what_the_portal_accepts_and_wait_as_long_as_a_call() -> None:
    nginx = (DEPLOY / "nginx/portal.conf").read_text()
    everywhere, limits = nginx_body_limits(nginx)
    assert everywhere >= max(MAX_API_BODY, MAX_PAGE_BODY)
    assert limits.pop(AUTH_PATH) > MAX_AUTH_BODY
    allowed: dict[Any, int] = {getattr(resolve(path).func, "view_class", path): size for path, size in limits.items()}
    needed = {view: view.max_body for view in views(get_resolver().url_patterns) if getattr(view, "max_body", 0)}
    assert allowed.keys() == needed.keys()
    assert all(allowed[view] >= size for view, size in needed.items())
    assert all(int(seconds) > MAX_TIMEOUT for seconds in re.findall(r"proxy_(?:read|send)_timeout (\d+)s", nginx))


def nginx_body_limits(configuration: str) -> tuple[int, dict[str, int]]:
    """Return the general size limit of request bodies, and the limits of paths that have their own, all in bytes."""
    found = re.findall(r"(?:location = (\S+) \{\s+)?client_max_body_size (\d+)([km]);", configuration)
    limits = {path: int(size) * {"k": KIBIBYTE, "m": MEBIBYTE}[unit] for path, size, unit in found}
    return limits.pop(""), limits


def compose() -> Any:
    return yaml.safe_load((PROJECT / "compose.yaml").read_text())


def run(*command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done
