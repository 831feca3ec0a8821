"""Records when secrets were last used, and their new digests under the current server key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from integrations.models import ApiKeySecret, Credential
from integrations.relay.records.batch import BatchRecord, Writing
from integrations.security.secret_digests import Digest
from integrations.services.rows import plain_rows

Model = type[Credential | ApiKeySecret]


@dataclass(slots=True, eq=False)
class _OfSecret(BatchRecord):
    model: Model
    pk: int

    @property
    def key(self) -> tuple[Model, int]:
        return self.model, self.pk


@dataclass(slots=True, eq=False)
class SecretUsed(_OfSecret):
    """A successful authentication with a secret."""

    at: datetime

    @classmethod
    def write(cls, records: Sequence[Self], _writing: Writing) -> None:
        latest = max(each.at for each in records)  # the batch spans a fraction of a second, so one time is enough
        # Write the rows in the same order in all processes, to avoid deadlocks between them.
        for model in sorted({each.model for each in records}, key=lambda each: each.__name__):
            used = [each.pk for each in records if each.model is model]
            plain_rows.stamp_rows(model, "last_used_at", latest, used)


@dataclass(slots=True, eq=False)
class SecretRedigested(_OfSecret):
    """A secret's new digest under the current server key, because its stored digest uses an older key."""

    digest: Digest

    @classmethod
    def write(cls, records: Sequence[Self], _writing: Writing) -> None:
        for each in records:
            rows = each.model._default_manager.filter(pk=each.pk)  # noqa: SLF001  (documented by Django)
            rows.update(digest=each.digest.value, key_id=each.digest.key_id)
