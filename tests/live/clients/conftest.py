"""Fixtures for the clients: a demo server, a webhook that this server sent, and the installed packages."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from integrations.models.api_key import Scope
from tests.live.clients.lossy import losing_every_other_answer
from tests.live.clients.packages import install_python, install_typescript
from tests.live.stack.ledger import LEDGER
from tests.live.stack.prepared import prepared
from tests.live.stack.processes import plain_environment
from tests.live.stack.servers import Depot, Stack
from tests.live.stack.waiting import eventually
from tests.support.constants import NOTICE_INTERVAL, with_constants
from tests.support.servers.receiver import receiver


@dataclass(frozen=True)
class Portal:
    """A demo server with two tills online, and the environment of a program that calls it."""

    stack: Stack
    lossy_url: str
    env: dict[str, str]


@pytest.fixture(scope="session")
def python() -> str:
    """The path of the Python interpreter in a virtual environment that has only the built package."""
    return str(prepared("python-client", install_python) / "environment" / "bin" / "python")


@pytest.fixture(scope="session")
def folder() -> Path:
    """A folder that has only the built TypeScript package; a folder beside it has the compiler."""
    return prepared("typescript-client", install_typescript) / "caller"


@pytest.fixture(scope="module")
def portal(depot: Depot) -> Iterator[Portal]:
    env = with_constants({NOTICE_INTERVAL: 0.2}) | {"WEBHOOK_ALLOW_PRIVATE": "true"}
    stack = depot.make("serve", options=["--demo"], env=env)
    key = stack.create_api_key(*(f"--scope={scope}" for scope in Scope))
    with httpx2.Client(
        base_url=stack.base_url + "/api/v1/", headers={"Authorization": f"Bearer {key}"}, trust_env=False
    ) as client:
        eventually(lambda: len(client.get("outlets?online=true").json()["results"]) == 2, what="two tills are online")
        webhook = _webhook(client)
    with losing_every_other_answer(stack.base_url) as lossy_url:
        own = {"PORTAL_URL": stack.base_url, "PORTAL_API_KEY": key, "WEBHOOK": webhook, "NO_PROXY": "*"}
        yield Portal(stack, lossy_url, plain_environment() | own)
    for name in ("outlets.jsonl", "api-key"):
        LEDGER.remember_generated((Path(stack.env["DATA_DIR"]) / "demo" / name).read_text())
    stack.close()


def _webhook(client: httpx2.Client) -> str:
    """Let the portal send a test webhook; return the endpoint's secret, the body and the headers as JSON."""
    with receiver() as hooks:
        body = {"name": "Clients", "url": hooks.url, "kinds": ["outlet.online"], "organisation_id": None}
        endpoint = client.post("webhook-endpoints", json=body).raise_for_status().json()
        LEDGER.remember(endpoint["secret"])
        client.post(f"webhook-endpoints/{endpoint['id']}/test").raise_for_status()
        eventually(lambda: hooks.got, what="the webhook arrived")
    got = hooks.got[0]
    return json.dumps({"secret": endpoint["secret"], "body": got.body.decode(), "headers": got.headers})
