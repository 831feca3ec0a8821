"""Creates the outlets: in the portal by its own command, in the peers' database as plain rows."""

import csv
import hashlib
import json
import os
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PER_ORGANISATION = 100

Claim = dict[str, str]


def configure(folder: Path, port: int, *, database_url: str = "", redis_url: str = "") -> None:
    """Set the portal's environment for the child processes."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "DATA_DIR": str(folder),
        "DATABASE_URL": database_url or f"sqlite:///{folder / 'portal.sqlite3'}",
        "REDIS_URL": redis_url,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "LOG_LEVEL": "WARNING",
        "DRAIN_SECONDS": "0",
    }


def enable(folder: Path, count: int, *, adopted: bool = False) -> list[Claim]:
    """Enable this number of outlets in the portal, and return the credentials of their POSes.

    If `adopted`, the outlets get secrets as PowerEPOS would choose them. Storing each such secret takes 0.1 s of CPU.
    """
    mark = secrets.token_hex(4)
    chosen = [f"chosen-{mark}-{number}" if adopted else "" for number in range(count)]
    order, result = folder / f"{mark}.csv", folder / f"{mark}-result.csv"
    with order.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Organisation", "Outlet", "POSRemoteID", "AdoptedSecret"])
        for number, secret in enumerate(chosen):
            organisation = f"Chain {mark} {number // PER_ORGANISATION}"
            writer.writerow([organisation, f"Outlet {number}", f"{mark}-{number}", secret])
    manage("enable_outlets", str(order), "--output", str(result))
    with result.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    for row, secret in zip(rows, chosen, strict=True):
        row["AuthSecret"] = secret or row["AuthSecret"]
    return [{name: row[name] for name in ("ProviderOutletID", "POSRemoteID", "AuthSecret")} for row in rows]


def fill_peers(database: Path, claims: Iterable[Claim]) -> None:
    """Create the database that both peers read, with the SHA-256 of each secret."""
    database.unlink(missing_ok=True)
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE TABLE outlets (provider_outlet_id TEXT PRIMARY KEY, pos_remote_id TEXT NOT NULL, "
            "secret_digest TEXT NOT NULL, is_enabled INTEGER NOT NULL)"
        )
        connection.executemany(
            "INSERT INTO outlets VALUES (?, ?, ?, 1)",
            (
                (each["ProviderOutletID"], each["POSRemoteID"], hashlib.sha256(each["AuthSecret"].encode()).hexdigest())
                for each in claims
            ),
        )
    connection.close()


def bodies(claims: Sequence[Claim]) -> list[str]:
    """Return the bodies of the POSes' authentication requests."""
    return [json.dumps(claim) for claim in claims]


def manage(*arguments: str) -> None:
    """Run a command of the portal; exit if it fails."""
    ended = subprocess.run(
        [sys.executable, str(PROJECT / "manage.py"), *arguments], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        sys.exit(f"manage.py {arguments[0]} failed: {ended.stderr[-2000:]}")
