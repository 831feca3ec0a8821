"""Update the demo's file of secrets after an outlet of the demo changes, so its simulated POS can connect again.

The file exists only where the demo was created, and contains only the secrets of the demo's outlets.
"""

import json
import logging
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import transaction

logger = logging.getLogger(__name__)


def path() -> Path:
    """Return the path of the file, which has one JSON object per line, as `enable_outlet --format json` prints it."""
    return Path(settings.DATA_DIR) / "demo" / "outlets.jsonl"


def write(lines: Sequence[str]) -> None:
    """Replace the file, readable by its owner only. Raises OSError."""
    target = path()
    beside = target.with_name(f"{target.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)  # left by a process that was killed
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    beside.replace(target)


def keep_on_commit(provider_outlet_id: str, **changes: str) -> None:
    """Store the changed values after the commit, if the outlet belongs to the demo."""
    if path().is_file():
        transaction.on_commit(partial(_update_file, provider_outlet_id, changes))


def _update_file(provider_outlet_id: str, changes: dict[str, str]) -> None:
    try:
        rows = [json.loads(line) for line in path().read_text(encoding="utf-8").splitlines() if line.strip()]
        known = next((row for row in rows if row.get("ProviderOutletID") == provider_outlet_id), None)
        if known is not None:
            known.update(changes)
            write([json.dumps(row, ensure_ascii=False) for row in rows])
    except (OSError, ValueError, AttributeError) as error:
        logger.warning("The demo's secrets could not be updated.", extra={"error": type(error).__name__})
