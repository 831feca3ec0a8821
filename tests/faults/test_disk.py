"""A full disk in embedded mode: the portal accepts no request that it cannot store, and recovers when space is free."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from integrations.simulator import Plan
from tests.live.callers import records
from tests.live.callers.backend import Backend, kind_of, orders_by_id, pos_of, requests_of, soup
from tests.live.callers.browser import first_login
from tests.live.callers.clients import authenticate, connect, request, token_for
from tests.live.conftest import NewStack
from tests.live.stack.binaries import give_up
from tests.live.stack.servers import Stack
from tests.live.stack.waiting import eventually

SIZE = "16m"
CHUNK = b"x" * 4096
TOKEN_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class SmallDisk:
    """A separate file system, which a ballast file fills to the last byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        with (self.folder / "ballast").open("ab", buffering=0) as ballast:
            try:
                while ballast.write(CHUNK):
                    pass
            except OSError:
                return

    def free(self) -> None:
        (self.folder / "ballast").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        give_up(f"no small disk can be made here: {mounted.stderr.strip()}")
    yield SmallDisk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def stack(new_stack: NewStack, disk: SmallDisk) -> Stack:
    """A server whose database is on the small disk."""
    stack = new_stack("serve")
    stack.stop()
    home = Path(stack.database_url.removeprefix("sqlite:///"))
    moved = disk.folder / home.name
    moved.write_bytes(home.read_bytes())
    stack.database_url = f"sqlite:///{moved}"
    stack.start(env={"DATABASE_URL": stack.database_url})
    return stack


def test_on_a_full_disk_poses_connect_and_no_request_that_could_be_lost_is_accepted(
    stack: Stack, disk: SmallDisk
) -> None:
    backend, outlet, late = Backend.of(stack), stack.supply_outlet(), stack.supply_outlet()
    with pos_of(outlet) as background:
        background.wait_for_connections()
        eventually(lambda: records.is_online(stack, outlet))
        disk.fill()
        refused = backend.ask(outlet, "CreateOrder", soup("refused"), request_id="refused")
        assert (refused.status_code, kind_of(refused)) == (503, "database-away"), refused.text
        assert int(refused.headers["Retry-After"]) >= 1
        assert authenticate(stack, late).status_code == 200
        with connect(stack, token_for(stack, late)) as pos:
            assert pos.is_open()
            assert request(stack, "GET", "/healthz").status_code == 200
            disk.free()
            eventually(lambda: records.is_online(stack, late), timeout=15, what="the connection is recorded")
        answer = backend.ask(outlet, "CreateOrder", soup("taken"), request_id="taken")
        assert answer.json()["outcome"] == "answered", answer.text
        assert orders_by_id(background.pos.till) == {"taken": 1}
        assert [row["request_id"] for row in requests_of(stack, outlet)] == ["taken"]


def test_an_answer_that_arrives_while_the_disk_is_full_is_stored_once_there_is_space(
    stack: Stack, disk: SmallDisk
) -> None:
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    with pos_of(outlet, plan=Plan(delay=(1.5, 1.5))) as background:
        background.wait_for_connections()
        answer = backend.ask(outlet, "CreateOrder", soup("kept"), request_id="kept", mode="async")
        assert answer.status_code == 202
        background.wait_until(lambda: background.pos.till.executed == ["kept"])
        disk.fill()
        background.wait_until(lambda: background.pos.journal.answers == 1)
        disk.free()
        assert backend.outcome(answer.headers["Location"])["state"] == "answered"
        assert orders_by_id(background.pos.till) == {"kept": 1}


def test_staff_see_that_nothing_could_be_stored(stack: Stack, disk: SmallDisk) -> None:
    name, password = first_login(stack)
    with httpx2.Client(base_url=stack.base_url, trust_env=False, timeout=30, follow_redirects=True) as client:
        token = TOKEN_FIELD.findall(client.get("/admin/login/").text)[0]
        disk.fill()
        form = {"username": name, "password": password, "csrfmiddlewaretoken": token}
        page = client.post("/admin/login/", data=form, headers={"Referer": stack.base_url})
    assert page.status_code == 503
    assert "What you sent was not carried out" in page.text
