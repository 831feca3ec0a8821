import errno
import signal
import socket
from contextlib import nullcontext
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.management.demo_poses import demo_poses
from integrations.server import make_server, raise_file_limit


class Command(BaseCommand):
    help = "Serve the portal, the auth endpoint and the websocket: the production server. SIGTERM drains it."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on; default: 127.0.0.1")
        parser.add_argument("--port", type=int, default=8000, help="default: 8000")
        parser.add_argument(
            "--prepare", action="store_true", help="first migrate and make the first login, where that is due"
        )
        parser.add_argument("--demo", action="store_true", help="with the demo's outlets, and their POSes simulated")

    def handle(self, *_args: Any, **options: Any) -> None:
        with listening_socket(options["host"], options["port"]) as listener:
            if options["prepare"]:
                call_command("prepare", host=options["host"], port=options["port"])
            if options["demo"]:
                call_command("demo", poses_are_started=True)
                listener.listen()  # the POSes may dial before uvicorn accepts
            # uvicorn raises the signal that ended it once more, for whoever had a handler before; a drain that is
            # done is an end as it should be, exit code 0.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: None)
            raise_file_limit()
            with demo_poses() if options["demo"] else nullcontext():
                make_server().run(sockets=[listener])


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a bound socket. Raises CommandError when the address is taken or is none of this machine's."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CommandError(f"Cannot listen on {host}: {error.strerror or error}.") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except (OSError, OverflowError) as error:
        listener.close()
        raise CommandError(_bind_trouble(host, port, error)) from error
    return listener


def _bind_trouble(host: str, port: int, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use: stop what runs there, or choose another with --port."
    return f"Cannot listen on {host}:{port}: {error}."
