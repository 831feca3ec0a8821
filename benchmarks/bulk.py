"""Measure how long bulk enabling holds SQLite's write lock, and how long tills and callers wait meanwhile.

Run `python benchmarks/bulk.py [ROWS]`. First `manage.py enable_outlets` enables ROWS outlets (default: 10,000), then
the portal enables 1,000 outlets in one request. Meanwhile, another connection takes the write lock again and again. Its
longest wait is an upper limit of the time for which a transaction holds the lock. One till authenticates repeatedly,
and a caller sends durable orders to another till. Each call starts 5 ms after the answer to the previous one.
"""

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

import httpx2
import relay
from storming.pages import Staff, hidden_value

UPLOAD = "/admin/integrations/outlet/enable-file/"
MOST_ROWS = 1000  # the portal enables at most this many outlets in one HTTP request
PAUSE = 0.005  # seconds from the answer to a call until the next call of the same kind
HEADER = "Organisation,Outlet,POSRemoteID\n"

Calls = Mapping[str, Callable[[], object]]
Result = TypeVar("Result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int, nargs="?", default=10_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, port = Path(name), relay.free_port()
        relay.configure(folder, port, argparse.Namespace(database_url="", redis_url=""))
        credentials, key = relay.make_outlets(2)
        manage = (sys.executable, str(relay.PROJECT / "manage.py"))
        stack.enter_context(relay.started(*manage, "serve", "--port", str(port)))
        relay.wait_for(port)
        relay.connect_poses([f"ws://127.0.0.1:{port}/?token={relay.token_of(credentials[0])}"], stack)
        staff = Staff(port)
        staff.sign_in()
        calls = stack.enter_context(calls_to(folder, port, credentials, key))
        measure("Idle", calls, lambda: time.sleep(3))
        measure(f"enable_outlets, {rows:,} rows", calls, lambda: enable_by_command(folder, rows))
        sealed = measure(f"Check on the page, {MOST_ROWS:,} rows", calls, lambda: check(staff))
        measure(f"Confirmation on the page, {MOST_ROWS:,} rows", calls, lambda: confirm(staff, sealed))


@contextmanager
def calls_to(folder: Path, port: int, credentials: list[dict[str, str]], key: str) -> Iterator[Calls]:
    """Yield the calls to repeat: take the write lock, authenticate one outlet, and send an order to the other."""
    connected, other = credentials
    claim = {name: other[name] for name in ("ProviderOutletID", "POSRemoteID", "AuthSecret")}
    order = {"message_type": 1, "device_id": "kiosk-1", "payload": relay.PAYLOAD}
    path, headers = f"/api/v1/outlets/{connected['ProviderOutletID']}/requests", {"Authorization": f"Bearer {key}"}
    file = folder / "portal.sqlite3"
    with (
        closing(sqlite3.connect(file, timeout=60, isolation_level=None, check_same_thread=False)) as database,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as server,
    ):
        yield {
            "write lock": lambda: database.executescript("BEGIN IMMEDIATE; COMMIT"),
            "authentication": lambda: server.post(other["AuthURL"], json=claim).raise_for_status(),
            "order": lambda: server.post(path, json=order, headers=headers).raise_for_status(),
        }


def measure(name: str, calls: Calls, step: Callable[[], Result]) -> Result:
    """Run the step while each call is repeated; print how long the step and the calls took."""
    is_over = threading.Event()
    with ThreadPoolExecutor(len(calls)) as pool:
        repeating = {each: pool.submit(repeat, call, is_over) for each, call in calls.items()}
        try:
            began = time.perf_counter()
            result = step()
            took = time.perf_counter() - began
        finally:
            is_over.set()
    print(f"{name}: {took:.2f} s")
    for each, future in repeating.items():
        seconds = sorted(future.result())
        median, longest = seconds[len(seconds) // 2], seconds[-1]
        print(f"    {each}: {len(seconds):,} times, median {median * 1000:.1f} ms, longest {longest:.2f} s")
    return result


def repeat(call: Callable[[], object], is_over: threading.Event) -> list[float]:
    """Repeat the call until the event is set; return how many seconds each call took."""
    seconds = []
    while not is_over.wait(PAUSE):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds


def enable_by_command(folder: Path, rows: int) -> None:
    file = folder / "outlets.csv"
    lines = (f"Chain {number % 50},Outlet {number},R-{number}\n" for number in range(rows))
    file.write_text(HEADER + "".join(lines))
    command = [sys.executable, "manage.py", "enable_outlets", str(file), "--output", str(folder / "secrets.csv")]
    subprocess.run(command, cwd=relay.PROJECT, stderr=subprocess.DEVNULL, check=True)


def check(staff: Staff) -> str:
    """Upload a file of outlets to the portal's page; return the form fields that confirm the upload."""
    lines = (f"Other {number % 50},Outlet {number},P-{number}\n" for number in range(MOST_ROWS))
    form = {"csrfmiddlewaretoken": hidden_value(staff.ask("GET", UPLOAD)[1], "csrfmiddlewaretoken")}
    files = {"file": ("outlets.csv", (HEADER + "".join(lines)).encode())}
    upload = httpx2.Request("POST", "http://127.0.0.1", data=form, files=files)
    status, page = staff.ask("POST", UPLOAD, upload.read(), upload.headers["Content-Type"])
    assert status == 200, status
    return urlencode({name: hidden_value(page, name) for name in ("csrfmiddlewaretoken", "checked")})


def confirm(staff: Staff, sealed: str) -> None:
    status, page = staff.ask("POST", UPLOAD, f"{sealed}&as_file=1")
    assert (status, page.count("\n")) == (200, MOST_ROWS + 1), (status, page.count("\n"))


if __name__ == "__main__":
    main()
