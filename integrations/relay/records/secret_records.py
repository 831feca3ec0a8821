"""Writes the last use of secrets, and their digests under the current key. Runs in a database thread."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from integrations.models import (
    ApiKeySecret,
    Credential,
)
from integrations.security.secret_digests import Digest
from integrations.services.rows import plain_rows
from integrations.services.rows.chunks import chunks


def write_used(model: type[Credential | ApiKeySecret], used: dict[int, datetime]) -> None:
    if not used:
        return
    latest = max(used.values())  # one time for the batch: it spans a fraction of a second
    for ids in chunks(list(used)):
        plain_rows.stamp_rows(model, "last_used_at", latest, ids)


def write_redigested(secrets: QuerySet[Any], redigested: "dict[int, Digest]") -> None:
    for pk, digest in redigested.items():
        secrets.filter(pk=pk).update(digest=digest.value, key_id=digest.key_id)
