"""Runs management commands in one long-lived process, because starting a process takes about a second."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.live.stack import warm_start
from tests.live.stack.ledger import LEDGER
from tests.support.project import PROJECT

SERVE_COMMANDS = """
import io, json, sys
from django.core.management import call_command
from django.db import connections
requests = sys.stdin
for line in requests:
    request, out, error = json.loads(line), io.StringIO(), ""
    sys.stdin = io.StringIO(request["stdin"])
    try:
        call_command(*request["arguments"], stdout=out)
    except Exception as failure:
        error = repr(failure)
    connections.close_all()
    for connection in connections.all():
        if connection.vendor == "postgresql":
            connection.close_pool()  # a restart of the database would break pooled connections
    print(json.dumps({"out": out.getvalue(), "error": error}), flush=True)
"""


class Shell:
    """Runs management commands, one at a time, with the settings in `env`."""

    def __init__(self, *, env: Mapping[str, str], log: Path) -> None:
        self._env = env
        self._log = LEDGER.watch(log)
        self._talk: _Talk | None = None

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Return the command's output; raise AssertionError with the command's error if it fails."""
        LEDGER.remember_generated(stdin)
        self._talk = self._talk or _Talk(self._env, self._log)
        line = self._talk.ask(json.dumps({"arguments": arguments, "stdin": stdin}))
        assert line, f"the shell ended: {self._log.read_text()}"
        answer: dict[str, str] = json.loads(line)
        assert not answer["error"], f"{arguments[0]} failed: {answer['error']}"
        LEDGER.remember_generated(answer["out"])
        return answer["out"]

    def close(self) -> None:
        """End the process; the next command starts another."""
        talk, self._talk = self._talk, None
        if talk is not None:
            talk.end()


class _Talk:
    """The process of a shell, with one pipe for commands and one for results."""

    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        its_input, self._questions = os.pipe()
        self._answers, its_output = os.pipe()
        with log.open("ab") as errors:
            self._process = warm_start.start(
                ["shell", "--no-imports", "-c", SERVE_COMMANDS],
                env=env,
                cwd=PROJECT,
                stdin=its_input,
                stdout=its_output,
                stderr=errors.fileno(),
            )
        os.close(its_input)
        os.close(its_output)
        self._lines = os.fdopen(self._answers, encoding="utf-8")

    def ask(self, line: str) -> str:
        """Send one line and return the answer; an empty string if the process has ended."""
        with suppress(BrokenPipeError):
            os.write(self._questions, f"{line}\n".encode())
        return self._lines.readline()

    def end(self) -> None:
        self._process.kill()
        self._process.wait(10)
        os.close(self._questions)
        self._lines.close()
