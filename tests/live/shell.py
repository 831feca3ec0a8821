"""Management commands in a process that stays: another process than the server, without a second's start each."""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.live.ledger import LEDGER
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
            connection.close_pool()  # what it keeps open dies with the database, and the next command would fail
    print(json.dumps({"out": out.getvalue(), "error": error}), flush=True)
"""


class Shell:
    """Runs one command after another against the database that its environment names."""

    def __init__(self, *, env: Mapping[str, str], log: Path) -> None:
        self._env = env
        self._log = LEDGER.watch(log)
        self._process: subprocess.Popen[str] | None = None

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Return what the command printed; raise AssertionError with its complaint when it failed."""
        LEDGER.remember_generated(stdin)
        self._process = self._process or self._start()
        line = _ask(self._process, json.dumps({"arguments": arguments, "stdin": stdin}))
        assert line, f"the shell ended: {self._log.read_text()}"
        answer: dict[str, str] = json.loads(line)
        assert not answer["error"], f"{arguments[0]} failed: {answer['error']}"
        LEDGER.remember_generated(answer["out"])
        return answer["out"]

    def close(self) -> None:
        """End the process; the next command starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(BrokenPipeError), process:
            process.kill()

    def _start(self) -> subprocess.Popen[str]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "manage.py", "shell", "--no-imports", "-c", SERVE_COMMANDS],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._env,
                cwd=PROJECT,
            )


def _ask(process: subprocess.Popen[str], line: str) -> str:
    """The line that answers this one; empty when the process has ended."""
    assert process.stdin
    assert process.stdout
    with suppress(BrokenPipeError):
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
    return process.stdout.readline()
