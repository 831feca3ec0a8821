"""A call with an Idempotency-Key takes effect once, even if a process crashes or a different one gets the retry."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.live.stack.servers import Depot, Stack
from tests.support.project import PROJECT

# A program that creates an organisation in an idempotent call. Before the commit, it waits for a line on its
# standard input.
CALL = """
import os, sys, django
django.setup()
from integrations.models import ApiKey, Organisation
from integrations.services.api_keys.errors import IdempotencyKeyInUse
from integrations.services.api_keys.idempotency import Call, change_once
from integrations.wire.plain_http import PlainResponse

def create():
    Organisation.objects.create(name=f"New {os.getpid()}")
    print("inside", flush=True)
    if sys.stdin.readline() == "crash\\n":
        os._exit(1)
    return PlainResponse(201, [], b"{}")

try:
    answer = change_once(Call(ApiKey.objects.get().pk, "k", "POST", "/organisations?", b""), change=create)
    print("replayed" if answer.headers else "done", Organisation.objects.count(), flush=True)
except IdempotencyKeyInUse:
    print("in use", flush=True)
"""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stack(request: pytest.FixtureRequest, depot: Depot, database: str) -> Stack:
    postgres = request.getfixturevalue("postgres") if database == "postgres" else None
    stack = depot.make("serve", postgres=postgres, is_started=False)
    stack.create_api_key()
    return stack


@contextmanager
def process(stack: Stack) -> Iterator["subprocess.Popen[str]"]:
    """Start a process that runs CALL; kill it at the end of the block."""
    env = stack.env | {"DJANGO_SETTINGS_MODULE": "portal.settings"}
    started = subprocess.Popen(
        [sys.executable, "-c", CALL], env=env, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def read_line(child: "subprocess.Popen[str]") -> str:
    assert child.stdout
    return child.stdout.readline().strip()


def write_line(child: "subprocess.Popen[str]", line: str) -> None:
    assert child.stdin
    child.stdin.write(f"{line}\n")
    child.stdin.flush()


def test_a_call_whose_process_crashed_happens_with_its_repeat(stack: Stack) -> None:
    with process(stack) as crashing:
        assert read_line(crashing) == "inside"
        write_line(crashing, "crash")
        assert crashing.wait(30) == 1
    with process(stack) as repeating:
        assert read_line(repeating) == "inside"
        write_line(repeating, "go on")
        assert read_line(repeating) == "done 1"
    with process(stack) as once_more:
        assert read_line(once_more) == "replayed 1"


def test_a_repeat_in_another_process_never_runs_beside_the_first_call(stack: Stack, database: str) -> None:
    with process(stack) as first:
        assert read_line(first) == "inside"
        with process(stack) as repeat:
            if database == "postgres":
                assert read_line(repeat) == "in use"
            write_line(first, "go on")
            assert read_line(first) == "done 1"
            if database == "sqlite":
                assert read_line(repeat) == "replayed 1"
