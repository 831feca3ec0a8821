"""What a server says when it is up: where everything is, and what to do next."""

from django.conf import settings

from integrations.services.handover import auth_url, websocket_url

NEXT = """\
Next: sign in at {portal}, add an outlet, choose "Enable Order N Pay". Then try it with a POS:
  .venv/bin/python manage.py simulate_pos --url {url} \\
    --provider-outlet-id ID --pos-remote-id ID --auth-secret SECRET"""


def banner(host: str, port: int) -> str:
    """Return what to print for a server that listens there; the addresses are PUBLIC_URL's."""
    portal = f"{settings.PUBLIC_URL}/admin/"
    addresses = {
        "Portal": portal,
        "Auth endpoint": auth_url(),
        "Websocket": websocket_url(),
        "Listening on": f"{host} port {port}",
    }
    lines = (f"{name:<14} {value}" for name, value in addresses.items())
    return "\n".join(["", *lines, "", NEXT.format(portal=portal, url=settings.PUBLIC_URL), "Ctrl-C stops the server."])
