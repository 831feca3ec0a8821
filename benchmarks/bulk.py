"""How long `enable_outlets` keeps other writers from SQLite's write lock, and how long it takes.

Run `python benchmarks/bulk.py [ROWS]`. Another connection takes the write lock again and again; its longest wait is
an upper limit of the time for which a batch holds the lock.
"""

import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from storming import outlets

ROOT = Path(__file__).resolve().parent.parent


def measure(folder: Path, rows: int) -> tuple[float, list[float]]:
    """Return the seconds of the whole command, and the waits of the other writer."""
    file = folder / "outlets.csv"
    lines = (f"Chain {number % 50},Outlet {number},R-{number}\n" for number in range(rows))
    file.write_text("Organisation,Outlet,POSRemoteID\n" + "".join(lines))
    waits: list[float] = []
    with sqlite3.connect(folder / "portal.sqlite3", timeout=60, isolation_level=None) as other:
        began = time.monotonic()
        command = [sys.executable, "manage.py", "enable_outlets", str(file), "--output", str(folder / "secrets.csv")]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                asked = time.monotonic()
                other.execute("BEGIN IMMEDIATE")
                waits.append(time.monotonic() - asked)
                other.execute("COMMIT")
                time.sleep(0.005)
    if process.returncode:
        raise SystemExit("The command failed.")
    return time.monotonic() - began, waits


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outlets.configure(folder, 1)
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)
        seconds, waits = measure(folder, rows)
    print(f"{rows:,} rows in {seconds:.1f} s; another writer waited {max(waits):.2f} s at most ({len(waits):,} times)")


if __name__ == "__main__":
    main()
