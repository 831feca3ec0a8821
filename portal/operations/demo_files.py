"""Stores the demo's secrets in files, the only place where they can be read later."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from django.conf import settings

from integrations.services.integration import demo_secrets
from portal.operations.demo import Demo


@dataclass(frozen=True)
class DemoFiles:
    """A folder that only its owner can read. `outlets` has one JSON object on each line; `api_key` has only the key."""

    folder: Path

    @classmethod
    def of_this_portal(cls) -> Self:
        return cls(Path(settings.DATA_DIR) / "demo")

    @property
    def outlets(self) -> Path:
        return demo_secrets.path()

    @property
    def api_key(self) -> Path:
        return self.folder / "api-key"

    def exist(self) -> bool:
        return self.outlets.is_file() and self.api_key.is_file()

    def write(self, demo: Demo) -> None:
        """Write both files, replacing old ones. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        demo_secrets.write([json.dumps(handover.as_wire(), ensure_ascii=False) for handover in demo.handovers])
        _write_lines(self.api_key, [demo.api_key])


def _write_lines(path: Path, lines: list[str]) -> None:
    path.unlink(missing_ok=True)  # a file of an earlier demo may have another mode
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
