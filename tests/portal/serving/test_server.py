"""The shutdown of the production server, in a process that listens on no socket."""

import subprocess
import sys

import pytest

from tests.live.stack.processes import plain_environment
from tests.support.project import PROJECT

STAYS = """
import asyncio
import time

import django

django.setup()
from portal.serving import drain, server


def never_ends(listeners):
    time.sleep(60)


drain.STOP_MARGIN_SECONDS = 0.1
server._accept_pending = never_ends
asyncio.run(server.create_server().shutdown())
"""


@pytest.mark.processes
def test_a_server_that_does_not_end_in_time_writes_what_its_threads_do_and_exits() -> None:
    env = plain_environment() | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DRAIN_SECONDS": "0",
        "DRAIN_NOTICE_SECONDS": "0",
    }
    ended = subprocess.run(
        [sys.executable, "-c", STAYS], env=env, cwd=PROJECT, capture_output=True, text=True, timeout=50, check=False
    )
    assert (ended.returncode, "in never_ends" in ended.stderr) == (1, True), ended.stderr
