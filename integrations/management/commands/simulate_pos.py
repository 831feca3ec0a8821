"""Simulate one POS or many from the command line, to try the portal."""

import asyncio
import contextlib
import os
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Coroutine
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations.simulator import (
    DEFAULT_NUMBERS,
    Credentials,
    Fault,
    Fleet,
    Plan,
    RefusedError,
    SimulatedPos,
    Timing,
    WrongCredentialsError,
    WrongNumbersError,
    WrongPlanError,
    WrongTillError,
)
from integrations.simulator.backoff import LONGEST_CEILING
from integrations.simulator.fleet import LINES_UP_TO, SUMMARY_SECONDS
from integrations.simulator.message_numbers import numbers_from_texts

INTERRUPTED = 130
VALUES = ("provider_outlet_id", "pos_remote_id", "auth_secret")


class Command(BaseCommand):
    help = "Simulate the POS of one outlet: authenticate, stay connected, and answer requests. Ctrl-C ends it."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--credentials",
            metavar="FILE",
            help='The output of "enable_outlet --format json", or - to read it from standard input. '
            "Prefer this option: every user of the machine can read a secret on the command line.",
        )
        parser.add_argument(
            "--url",
            help="The portal's URL, such as http://127.0.0.1:8000; overrides the URLs in --credentials.",
        )
        parser.add_argument("--provider-outlet-id", metavar="ID")
        parser.add_argument("--pos-remote-id", metavar="ID")
        parser.add_argument("--auth-secret", metavar="SECRET", help="Visible in ps: prefer --credentials.")
        parser.add_argument(
            "--once",
            action="store_true",
            help="Do not retry: end with exit code 1 at the first refusal, or if the portal does not answer.",
        )
        parser.add_argument(
            "--until-input-closes",
            action="store_true",
            help="Also end when standard input is closed. The POSes then end with the process that started them.",
        )
        _add_till_arguments(parser)
        _add_misbehaviour_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            self._until_input_closes = options["until_input_closes"]
            self._simulate(options["till"], options, _manner(options))
        except RefusedError:
            sys.exit(1)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            _give_up_output()
        except (WrongPlanError, WrongNumbersError, WrongTillError) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"The till's data cannot be saved: {error.strerror}.") from None

    def _simulate(self, till: Path | None, options: dict[str, Any], manner: dict[str, Any]) -> None:
        """Simulate POSes. Standard input is read before the event loop starts, so Ctrl-C can interrupt the read."""
        if options["count"] is None:
            asyncio.run(self._simulate_one(_read_credentials(options), till, manner))
            return
        manner["renew"] = partial(_read_again, options)
        asyncio.run(self._simulate_many(_read_many_credentials(options), till, manner))

    async def _simulate_one(self, credentials: Credentials, till: Path | None, manner: dict[str, Any]) -> None:
        pos = SimulatedPos(credentials, say=self._say, till_file=till, **manner)
        self._say(f"simulating the POS of outlet {credentials.provider_outlet_id!a}; Ctrl-C ends it")
        for user in pos.till.catalogue.users:
            self._say(f"PIN {user.pin} is {user.name}{'' if user.can_make_payments else ' (no payments)'}")
        await _until_signalled(pos.run(), or_input_closes=self._until_input_closes)
        self._say("ended")

    async def _simulate_many(self, credentials: list[Credentials], till: Path | None, manner: dict[str, Any]) -> None:
        fleet = Fleet(credentials, say=self._say, till_folder=till, **manner)
        self._say(f"simulating the POSes of {len(fleet.poses)} outlets; Ctrl-C ends it")
        await _until_signalled(fleet.run(), or_input_closes=self._until_input_closes)
        self._say(fleet.summary())
        self._say("ended")

    def _say(self, line: str) -> None:
        self.stdout.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}")
        self.stdout.flush()


def _add_till_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--till",
        metavar="FILE",
        type=Path,
        help="Keep the till's data in this JSON file: loaded if it exists, saved before each answer is sent. "
        "With --count: a folder with one file for each outlet.",
    )
    parser.add_argument(
        "--count",
        metavar="N",
        type=int,
        help="The number of POSes to simulate; --credentials then has one JSON object per line. "
        f"Above {LINES_UP_TO}, a summary every {SUMMARY_SECONDS:.0f} seconds replaces one line per event.",
    )
    numbers = ", ".join(f"{name}={number}" for name, number in DEFAULT_NUMBERS.items())
    parser.add_argument(
        "--message-number",
        metavar="NAME=NUMBER",
        action="append",
        default=[],
        help=f"The number of a method; may be repeated. Defaults: {numbers}.",
    )


def _add_misbehaviour_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--delay",
        metavar="MIN:MAX",
        help="Delay each answer by this many seconds or, if --misbehave names late, only the late ones.",
    )
    parser.add_argument(
        "--misbehave",
        metavar="FAULT=CHANCE,...",
        help=f"For example drop-before=0.05,twice=0.1. The faults are {', '.join(Fault)}.",
    )
    parser.add_argument(
        "--longest-pause",
        metavar="SECONDS",
        type=float,
        default=LONGEST_CEILING,
        help="Pauses between attempts grow from 1 s to this (%(default)s). Use a short one for tests that drop links.",
    )
    parser.add_argument("--seed", type=int, default=0, help="The same seed produces the same faults.")


def _manner(options: dict[str, Any]) -> dict[str, Any]:
    return {
        "once": options["once"],
        "timing": Timing(longest_pause=max(options["longest_pause"], 0.0)),
        "plan": Plan.from_texts(delay=options["delay"], misbehave=options["misbehave"], seed=options["seed"]),
        "message_numbers": numbers_from_texts(options["message_number"]),
    }


def _read_many_credentials(options: dict[str, Any]) -> list[Credentials]:
    if options["credentials"] is None:
        raise CommandError("--count needs --credentials FILE with one JSON object per line.")
    lines = [line for line in _read_text(options["credentials"]).splitlines() if line.strip()]
    if not 1 <= options["count"] <= len(lines):
        raise CommandError(f"--count may be 1 to {len(lines)}, the number of outlets in the credentials.")
    try:
        return [Credentials.from_json(line, url=options["url"]) for line in lines[: options["count"]]]
    except WrongCredentialsError as error:
        raise CommandError(str(error)) from None


def _read_again(options: dict[str, Any], known: Credentials) -> Credentials:
    """Read the file again, and return the current values of an outlet whose earlier values were refused."""
    try:
        found = _read_many_credentials(options)
    except CommandError:
        return known
    return next((each for each in found if each.provider_outlet_id == known.provider_outlet_id), known)


def _read_credentials(options: dict[str, Any]) -> Credentials:
    try:
        if options["credentials"] is not None:
            return _credentials_from_file(options)
        return _credentials_from_values(options)
    except WrongCredentialsError as error:
        raise CommandError(str(error)) from None


def _credentials_from_file(options: dict[str, Any]) -> Credentials:
    if any(options[name] is not None for name in VALUES):
        raise CommandError("Use --credentials or the three values, not both.")
    return Credentials.from_json(_read_text(options["credentials"]), url=options["url"])


def _credentials_from_values(options: dict[str, Any]) -> Credentials:
    missing = [f"--{name.replace('_', '-')}" for name in ("url", *VALUES) if not options[name]]
    if missing:
        raise CommandError(f"Missing: {', '.join(missing)}. Or use --credentials FILE.")
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


async def _until_signalled(run: Coroutine[Any, Any, None], *, or_input_closes: bool = False) -> None:
    """Run until a signal arrives, then close the websockets with code 1000.

    A second signal ends the wait for the portal's part of the closing handshake.
    """
    task = asyncio.ensure_future(run)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    if or_input_closes:
        loop.add_reader(sys.stdin, _end_once, loop, task)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _end_once(loop: asyncio.AbstractEventLoop, task: asyncio.Future[None]) -> None:
    """Cancel the task, and stop watching standard input.

    A closed input stays readable, so it would cancel the task again during the closing handshake.
    """
    loop.remove_reader(sys.stdin)
    task.cancel()


def _give_up_output() -> None:
    """Exit after a broken pipe. Redirect the output, because Python's flush at exit would report the error again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)
