import asyncio
import signal
import socket
from argparse import SUPPRESS
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from integrations.checks import SETTINGS, refusals_of_workers
from portal.operations.demo_poses import demo_poses
from portal.serving.control_channel import ControlChannel
from portal.serving.listening import Address, CannotListen, listen_exclusively
from portal.serving.server import (
    DrainingServer,
    create_server,
    duplicate_listener,
    raise_file_limit,
    tune_database,
    tune_garbage_collector,
)
from portal.serving.supervisor import Supervisor
from portal.serving.worker_environment import InvalidSettings

MOST_WORKERS = 64


class Command(BaseCommand):
    help = "Serve the portal, the auth endpoint and the websocket: the production server. SIGTERM drains it."
    requires_migrations_checks = False
    requires_system_checks = [SETTINGS, Tags.urls]  # the check of the URLs loads all pages before the server listens

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on; default: 127.0.0.1")
        parser.add_argument("--port", type=int, default=8000, help="default: 8000")
        parser.add_argument(
            "--workers",
            type=int,
            default=settings.WORKERS,
            help="processes on this machine; more than 1 needs PostgreSQL and Redis, and SIGHUP restarts them "
            "one after the other; default: the setting WORKERS",
        )
        parser.add_argument(
            "--prepare",
            action="store_true",
            help="first migrate and create the first staff account, if that is still needed",
        )
        parser.add_argument("--demo", action="store_true", help="create the demo outlets and simulate their POSes")
        parser.add_argument("--worker", help=SUPPRESS)  # the descriptors that a supervisor passes

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["worker"]:
            _run_worker(*options["worker"].split(","))
            return
        _check_workers(options["workers"])
        try:
            self._serve(options)
        except (CannotListen, InvalidSettings) as error:
            raise CommandError(str(error)) from error

    def _serve(self, options: dict[str, Any]) -> None:
        with listen_exclusively(options["host"], options["port"]) as listener:
            if options["prepare"]:
                call_command("prepare", host=options["host"], port=options["port"])
            if options["demo"]:
                call_command("demo", poses_are_started=True)
            run = _one_process(listener) if options["workers"] == 1 else _supervisor(listener, options["workers"])
            with demo_poses() if options["demo"] else nullcontext():
                run()


def _check_workers(count: int) -> None:
    """Raise CommandError if this number of processes is not possible with the settings."""
    if not 1 <= count <= MOST_WORKERS:
        raise CommandError(f"--workers may be 1 to {MOST_WORKERS}, not {count}.")
    if refusals := refusals_of_workers(count):
        raise CommandError(" ".join(f"{each.msg} {each.hint}." for each in refusals))


def _one_process(listener: socket.socket) -> Callable[[], None]:
    listener.listen()  # the demo's POSes may connect before uvicorn accepts connections
    return partial(_run_server, create_server(), duplicate_listener(listener))


def _supervisor(listener: socket.socket, workers: int) -> Callable[[], None]:
    """Close the listener, and return a function that runs a supervisor on its port.

    Each worker has a separate listener on this port (SO_REUSEPORT), which the exclusive listener would prevent.
    """
    supervisor = Supervisor(Address.of(listener), workers)
    listener.close()
    supervisor.listen()
    for connection in connections.all(initialized_only=True):
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()
    return partial(_supervise, supervisor)


def _supervise(supervisor: Supervisor) -> None:
    if not asyncio.run(supervisor.run()):
        raise CommandError("The workers did not become ready. Their log lines say why.")


def _run_worker(listener: str, channel: str) -> None:
    """Run one of several workers, on the descriptors that the supervisor passes."""
    # The listener is not duplicated, because a worker that stops must free its socket at once.
    _run_server(create_server(ControlChannel(int(channel))), [socket.socket(fileno=int(listener))])


def _run_server(server: DrainingServer, listeners: list[socket.socket]) -> None:
    # From now on, these signals drain the server, even before uvicorn installs its own handlers. After the drain,
    # uvicorn raises the signal again. `handle_exit` then takes it for a second signal. Because that has no effect after
    # a drain, the exit code is 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    # A single process cannot hand its port over to another one. A reload therefore drains and ends the process, and
    # systemd starts it again.
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    raise_file_limit()
    tune_garbage_collector(server.server_state.connections)
    tune_database()
    server.run(sockets=listeners)
