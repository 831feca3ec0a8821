"""The portal serves POSes while the shell enables many outlets, because no batch holds the lock for long."""

import csv
import io
import threading
import time
from pathlib import Path

from integrations.simulator import BackgroundPos
from tests.live.callers.backend import Backend
from tests.live.callers.clients import authenticate
from tests.live.stack.ledger import LEDGER
from tests.live.stack.servers import Credentials, Depot, Stack
from tests.live.staff.test_browser import for_pos

ROWS = 1000
LONGEST = 3.0  # seconds for one call on a busy machine; the lock itself is measured by benchmarks/bulk.py


def test_a_pos_authenticates_and_answers_while_the_shell_enables_many_outlets(depot: Depot, tmp_path: Path) -> None:
    stack = depot.make("serve")
    try:
        outlet, backend = stack.supply_outlet(), Backend.of(stack)
        with BackgroundPos(for_pos(outlet)) as pos:
            pos.wait_for_connections()
            shell = threading.Thread(target=_enable_many, args=(stack, tmp_path))
            shell.start()
            calls = 0
            while shell.is_alive():
                calls += _serve_once(stack, backend, outlet)
            shell.join()
        assert calls > 3
        assert stack.rows("SELECT count(*) FROM integrations_integration") == [(ROWS + 1,)]
        given = list(csv.DictReader(io.StringIO((tmp_path / "secrets.csv").read_text())))
        assert len({row["AuthSecret"] for row in given}) == ROWS
        assert authenticate(stack, Credentials.from_json(given[-1])).status_code == 200
    finally:
        stack.close()


def _serve_once(stack: Stack, backend: Backend, outlet: Credentials) -> int:
    began = time.monotonic()
    assert authenticate(stack, outlet).status_code == 200
    answer = backend.ask(outlet, "GetOpenOrders", {"ServiceModeEntityID": "7"})
    assert (answer.status_code, answer.json()["outcome"]) == (200, "answered"), answer.text
    assert time.monotonic() - began < 2 * LONGEST
    return 1


def _enable_many(stack: Stack, folder: Path) -> None:
    file = folder / "outlets.csv"
    file.write_text("Organisation,Outlet,POSRemoteID\n" + "".join(f"Chain,Outlet {n},R-{n}\n" for n in range(ROWS)))
    done = stack.manage("enable_outlets", str(file), "--output", str(folder / "secrets.csv"))
    LEDGER.remember_generated((folder / "secrets.csv").read_text())
    assert done.returncode == 0, done.stderr
