"""A POS to try the portal with, on the command line."""

import asyncio
import contextlib
import os
import signal
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations.simulator import Credentials, RefusedError, SimulatedPos, WrongCredentialsError

INTERRUPTED = 130
VALUES = ("provider_outlet_id", "pos_remote_id", "auth_secret")


class Command(BaseCommand):
    help = "Simulates the POS of one outlet: authenticates, stays connected, answers. Ctrl-C ends it."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--credentials",
            metavar="FILE",
            help='What "enable_outlet --format json" printed, or - to read it from standard input. '
            "The way to prefer: a secret on the command line can be read by every user of the machine.",
        )
        parser.add_argument(
            "--url",
            help="The portal, such as http://127.0.0.1:8000; overrides the addresses of --credentials.",
        )
        parser.add_argument("--provider-outlet-id", metavar="ID")
        parser.add_argument("--pos-remote-id", metavar="ID")
        parser.add_argument("--auth-secret", metavar="SECRET", help="Seen in ps: prefer --credentials.")
        parser.add_argument(
            "--once",
            action="store_true",
            help="End with exit code 1 at the first refusal, or when nothing answers, and do not retry.",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            credentials = _read_credentials(options)
            asyncio.run(self._simulate(credentials, once=options["once"]))
        except RefusedError:
            sys.exit(1)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            _give_up_output()

    async def _simulate(self, credentials: Credentials, *, once: bool) -> None:
        pos = SimulatedPos(credentials, say=self._say, once=once)
        _cancel_on_signal()
        self._say(f"simulating the POS of outlet {credentials.provider_outlet_id!a}; Ctrl-C ends it")
        for user in pos.till.users:
            self._say(f"PIN {user.pin} is {user.name}{'' if user.can_make_payments else ', who may not pay'}")
        with contextlib.suppress(asyncio.CancelledError):
            await pos.run()
        self._say("ended")

    def _say(self, line: str) -> None:
        self.stdout.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}")
        self.stdout.flush()


def _read_credentials(options: dict[str, Any]) -> Credentials:
    try:
        if options["credentials"] is not None:
            return _credentials_from_file(options)
        return _credentials_from_values(options)
    except WrongCredentialsError as error:
        raise CommandError(str(error)) from None


def _credentials_from_file(options: dict[str, Any]) -> Credentials:
    if any(options[name] is not None for name in VALUES):
        raise CommandError("Give --credentials or the three values, not both.")
    return Credentials.from_json(_read_text(options["credentials"]), url=options["url"])


def _credentials_from_values(options: dict[str, Any]) -> Credentials:
    missing = [f"--{name.replace('_', '-')}" for name in ("url", *VALUES) if not options[name]]
    if missing:
        raise CommandError(f"Missing: {', '.join(missing)}. Or give --credentials FILE.")
    return Credentials.for_portal(options["url"], **{name: options[name] for name in VALUES})


def _read_text(name: str) -> str:
    try:
        if name == "-":
            return sys.stdin.buffer.read().decode()
        return Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"Cannot read the credentials: {error.strerror}.") from None
    except ValueError:
        raise CommandError("The credentials are not UTF-8 text.") from None


def _cancel_on_signal() -> None:
    """Cancelling closes the socket with 1000; a second signal does not wait for the portal's part of it."""
    task = asyncio.current_task()
    if task is None:
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)


def _give_up_output() -> None:
    """Python flushes standard output at exit, and would complain again about the reader that went away."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)
