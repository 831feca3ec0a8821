"""The text that a server prints when it is ready: its addresses and the next steps."""

import os
import shlex

from django.conf import settings

from integrations.services.handover.handover import auth_url, websocket_url

NEXT = """\
Next: sign in at {portal} and choose "Enable an outlet". Or do it here, and try it with a POS:
  .venv/bin/python manage.py enable_outlet --organisation "Trattoria Bella" --outlet Harbour \\
    --pos-remote-id Bella-Harbour --format json > outlet.json
  .venv/bin/python manage.py simulate_pos --credentials outlet.json"""


def banner(host: str, port: int) -> str:
    """Return the banner for a server on this host and port. The addresses in it begin with PUBLIC_URL."""
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
    """Return the `export` line that other terminals need, if this server's settings differ from the defaults."""
    here = {"PUBLIC_URL": settings.PUBLIC_URL, "DATA_DIR": str(settings.DATA_DIR)}
    defaults = {"PUBLIC_URL": "http://127.0.0.1:8000", "DATA_DIR": str(settings.BASE_DIR / "data")}
    exported = [
        f"{name}={shlex.quote(value)}"
        for name, value in here.items()
        if os.environ.get(name) and value != defaults[name]
    ]
    return [f"In other terminals first: export {' '.join(exported)}"] if exported else []
