"""What a server says when it is up: where everything is, and what to do next."""

import os
import shlex

from django.conf import settings

from integrations.services.handover.handover import auth_url, websocket_url

NEXT = """\
Next: sign in at {portal}, add an outlet, choose "Enable Order N Pay". Or do both here, and try it with a POS:
  .venv/bin/python manage.py enable_outlet --organisation "Trattoria Bella" --outlet Harbour \\
    --pos-remote-id Bella-Harbour --format json > outlet.json
  .venv/bin/python manage.py simulate_pos --credentials outlet.json"""


def banner(host: str, port: int) -> str:
    """Return what to print for a server that listens there; the addresses are PUBLIC_URL's."""
    portal = f"{settings.PUBLIC_URL}/admin/"
    addresses = {
        "Portal": portal,
        "Auth endpoint": auth_url(),
        "Websocket": websocket_url(),
        "Listening on": f"{host} port {port}",
    }
    lines = [f"{name:<14} {value}" for name, value in addresses.items()]
    following = [
        NEXT.format(portal=portal),
        *_for_other_terminals(),
        "Ctrl-C stops the server.",
    ]
    return "\n".join(["", *lines, "", *following])


def _for_other_terminals() -> list[str]:
    """Return what commands elsewhere need to know of this server, where that is not what they take for granted."""
    here = {"PUBLIC_URL": settings.PUBLIC_URL, "DATA_DIR": str(settings.DATA_DIR)}
    usual = {"PUBLIC_URL": "http://127.0.0.1:8000", "DATA_DIR": str(settings.BASE_DIR / "data")}
    told = [
        f"{name}={shlex.quote(value)}" for name, value in here.items() if os.environ.get(name) and value != usual[name]
    ]
    return [f"In other terminals first: export {' '.join(told)}"] if told else []
