"""The file for the new secrets of `enable_outlets`. It never loses the secrets of a committed batch.

A batch is written and flushed to disk before its transaction is committed. If the process dies between the two, the
last secrets in the file are not valid. The next run finds that the database does not have them, and removes their lines
before it continues. The other order would lose the secrets of a committed batch.
"""

import contextlib
import csv
import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import CommandError
from django.views.decorators.debug import sensitive_variables

from integrations.models import Credential, Integration
from integrations.security import secret_digests
from integrations.services.bulk.result_file import COLUMNS, NamedHandOver, result_csv
from integrations.services.bulk.spreadsheet import unguarded
from integrations.services.rows.chunks import chunks
from portal.operations.disk import flush_folder


class SecretsFile:
    """The destination of the secrets: a file or standard output."""

    def __init__(self, file: TextIO, *, has_header: bool, is_durable: bool) -> None:
        self._file, self._has_header, self._is_durable = file, has_header, is_durable

    @sensitive_variables()
    def append(self, enabled: Sequence[NamedHandOver]) -> None:
        """Write these secrets, and return when they are on disk. Raises OSError."""
        text = result_csv(enabled, "a new secret")
        self._file.write(text.split("\r\n", 1)[1] if self._has_header else text)
        self._file.flush()
        if self._is_durable:
            os.fsync(self._file.fileno())
        self._has_header = True


@contextlib.contextmanager
def open_secrets(output: str | None, stdout: Any) -> Iterator[SecretsFile]:
    """Yield the destination of the secrets: standard output, a new file of mode 600, or an interrupted run's file."""
    if output is None:
        yield SecretsFile(stdout, has_header=False, is_durable=False)
        return
    path = Path(output)
    try:
        has_header = _recovered(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{output} cannot be written: {getattr(error, 'strerror', None) or error}.") from error
    with os.fdopen(descriptor, "a", encoding="utf-8", newline="") as file:
        try:
            flush_folder(path.parent)
            yield SecretsFile(file, has_header=has_header, is_durable=True)
        finally:
            if not os.fstat(file.fileno()).st_size:
                path.unlink(missing_ok=True)


@sensitive_variables()
def _recovered(path: Path) -> bool:
    """Return whether an interrupted run left its file here. Remove the lines that it had not committed.

    Raises CommandError for any other file, or one that other users may read.
    """
    if not path.exists():
        return False
    is_private = path.is_file() and not path.is_symlink() and not path.stat().st_mode & 0o077
    lines = path.read_bytes().decode().splitlines(keepends=True) if is_private else []
    if not lines or lines[0] != ",".join(COLUMNS) + "\r\n":
        raise CommandError(f"{path} already exists. Name a new file; existing secrets are never overwritten.")
    kept = [lines[0], *_committed([line for line in lines[1:] if line.endswith("\r\n")])]
    if len(kept) < len(lines):
        _replace(path, "".join(kept))
    return True


@sensitive_variables()
def _committed(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines whose outlets were enabled in a committed transaction.

    A line with a secret counts as committed if the database has the secret. A line has no secret if the outlet adopted
    one. Such a line counts as committed if the outlet is enabled.
    """
    for part in chunks(lines):
        rows = list(csv.DictReader(part, fieldnames=COLUMNS))
        digests = [secret_digests.keyed_digests(row["AuthSecret"]) if row["AuthSecret"] else [] for row in rows]
        ids = [unguarded(row["ProviderOutletID"]) for row in rows]
        known = set(Credential.objects.filter(digest__in=list(chain(*digests))).values_list("digest", flat=True))
        enabled = set(
            Integration.objects.filter(outlet__provider_outlet_id__in=ids).values_list(
                "outlet__provider_outlet_id", flat=True
            )
        )
        for line, its_digests, its_id in zip(part, digests, ids, strict=True):
            if known.intersection(its_digests) if its_digests else its_id in enabled:
                yield line


@sensitive_variables()
def _replace(path: Path, text: str) -> None:
    """Replace a file's content atomically. After a crash, the file has either the old or the new content."""
    other = path.with_name(f"{path.name}.recovered")
    with os.fdopen(os.open(other, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    other.replace(path)
