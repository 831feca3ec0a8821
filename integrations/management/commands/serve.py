import asyncio
import signal
import socket
from argparse import SUPPRESS
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from integrations.checks import refusals_of_workers
from portal.operations.demo_poses import demo_poses
from portal.serving.control_channel import ControlChannel
from portal.serving.listening import Address, CannotListen, listen_exclusively
from portal.serving.server import (
    DrainingServer,
    duplicate_listener,
    make_server,
    raise_file_limit,
    tune_garbage_collector,
)
from portal.serving.supervisor import Supervisor
from portal.serving.worker_environment import Unusable

MOST_WORKERS = 64


class Command(BaseCommand):
    help = "Serve the portal, the auth endpoint and the websocket: the production server. SIGTERM drains it."
    requires_migrations_checks = False

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
            "--prepare", action="store_true", help="first migrate and make the first login, where that is due"
        )
        parser.add_argument("--demo", action="store_true", help="with the demo's outlets, and their POSes simulated")
        parser.add_argument("--worker", help=SUPPRESS)  # the descriptors that a supervisor hands down

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["worker"]:
            _work(*options["worker"].split(","))
            return
        _check_workers(options["workers"])
        try:
            self._serve(options)
        except (CannotListen, Unusable) as error:
            raise CommandError(str(error)) from error

    def _serve(self, options: dict[str, Any]) -> None:
        with listen_exclusively(options["host"], options["port"]) as listener:
            if options["prepare"]:
                call_command("prepare", host=options["host"], port=options["port"])
            if options["demo"]:
                call_command("demo", poses_are_started=True)
            run = _alone(listener) if options["workers"] == 1 else _together(listener, options["workers"])
            with demo_poses() if options["demo"] else nullcontext():
                run()


def _check_workers(count: int) -> None:
    """Raise CommandError where so many processes could not share the outlets."""
    if not 1 <= count <= MOST_WORKERS:
        raise CommandError(f"--workers may be 1 to {MOST_WORKERS}, not {count}.")
    if refusals := refusals_of_workers(count):
        raise CommandError(" ".join(f"{each.msg} {each.hint}." for each in refusals))


def _alone(listener: socket.socket) -> Callable[[], None]:
    listener.listen()  # the demo's POSes may dial before uvicorn accepts
    return partial(_run_server, make_server(), duplicate_listener(listener))


def _together(listener: socket.socket, workers: int) -> Callable[[], None]:
    """The listener, which nobody's can stand beside, makes room for those of the workers."""
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
        raise CommandError("The workers did not come to serve; their log lines say why.")


def _work(listener: str, line: str) -> None:
    """Be one of several workers, on descriptors that the supervisor handed down."""
    # With one ear: a worker that leaves must let go of its place on the port at once.
    _run_server(make_server(ControlChannel(int(line))), [socket.socket(fileno=int(listener))])


def _run_server(server: DrainingServer, listeners: list[socket.socket]) -> None:
    # From now on a signal drains, also one that arrives before uvicorn has its own handlers. When it has ended, uvicorn
    # raises the signal once more: the server takes that as haste, and has nothing left to do; the exit code is 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    # One process cannot be followed by another on its port: to a lone server a reload is an end with a drain, after
    # which systemd starts it again.
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    raise_file_limit()
    tune_garbage_collector()
    server.run(sockets=listeners)
