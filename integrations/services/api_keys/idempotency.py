"""Execute an API caller's change only once, however often the caller repeats the call. Runs in database threads.

The change and its answer are committed in one transaction. After a crash, a lost connection or a time-out, either both
exist and a repeat gets the first answer, or neither exists and a repeat counts as the first call. A refusal is not
stored, so a repeated call is checked again. The answer is encrypted, because it can hold a new secret, and is deleted
after KEPT (services/retention).

The semantics are those of draft-ietf-httpapi-idempotency-key-header-07, section 2.
"""

import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock

from django.db import connection, transaction

from integrations.models import AnsweredCall
from integrations.models.clock import shared_now
from integrations.security import secret_digests
from integrations.security.sealing import SealBroken, seal, unseal
from integrations.services.api_keys.errors import FirstAnswerUnreadable, IdempotencyKeyInUse, IdempotencyKeyReused
from integrations.wire.canonical_json import canonical
from integrations.wire.plain_http import PlainResponse

KEPT = timedelta(hours=24)
REPLAYED = b"idempotent-replayed"  # the header that marks a repeated answer

_PURPOSE = "answer to an idempotent call"


@dataclass(frozen=True, slots=True)
class Call:
    """A call with an Idempotency-Key.

    The Idempotency-Key identifies the call among those of the same API key. `target` is the path with the query string.
    """

    api_key_id: int
    idempotency_key: str
    method: str
    target: str
    body: bytes = field(repr=False)

    def digest(self, key_id: str) -> str:
        """Return the keyed digest that identifies the call, however its JSON is spelled.

        Raises FirstAnswerUnreadable if the key with this id is no longer in the settings.
        """
        body = canonical(self.body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        text = json.dumps([self.method, self.target, hashlib.sha256(body).hexdigest()])
        value = secret_digests.keyed_digest(f"idempotent call {text}", key_id)
        if value is None:
            raise FirstAnswerUnreadable
        return f"{key_id}:{value}"


def change_once(call: Call, *, change: Callable[[], PlainResponse]) -> PlainResponse:
    """Run `change` in a transaction and return its answer; for a repeated call, only return the first answer.

    A repeated answer has the header `Idempotent-Replayed: true`. Raises IdempotencyKeyReused, IdempotencyKeyInUse,
    FirstAnswerUnreadable, or the error of `change`; then nothing is changed.
    """
    with _refuse_concurrent(call), transaction.atomic(durable=True):
        _lock(call)
        earlier = AnsweredCall.objects.filter(api_key=call.api_key_id, idempotency_key=call.idempotency_key).first()
        if earlier is not None and earlier.expires_at > shared_now():
            return _first_answer(earlier, call)
        if earlier is not None:
            earlier.delete()
        answer = change()
        _store_answer(call, answer)
    return answer


_in_progress: set[tuple[int, str]] = set()  # the calls in progress: at most one for each thread of this process
_guard = Lock()


@contextlib.contextmanager
def _refuse_concurrent(call: Call) -> Iterator[None]:
    """Raise IdempotencyKeyInUse if this process is already executing the same call.

    A repeat in another process is refused by _lock on PostgreSQL, and waits for the first transaction on SQLite.
    """
    name = (call.api_key_id, call.idempotency_key)
    with _guard:
        if name in _in_progress:
            raise IdempotencyKeyInUse
        _in_progress.add(name)
    try:
        yield
    finally:
        with _guard:
            _in_progress.discard(name)


def _lock(call: Call) -> None:
    """On PostgreSQL, lock the call until the transaction ends, or raise IdempotencyKeyInUse if it is already locked."""
    if connection.vendor != "postgresql":
        return
    name = hashlib.sha256(f"{call.api_key_id} {call.idempotency_key}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(name[:8], signed=True)])
        if not cursor.fetchone()[0]:
            raise IdempotencyKeyInUse


def _first_answer(earlier: AnsweredCall, call: Call) -> PlainResponse:
    digest = call.digest(key_id=earlier.call_digest.partition(":")[0])
    if not hmac.compare_digest(digest, earlier.call_digest):
        raise IdempotencyKeyReused
    try:
        kept = json.loads(unseal(earlier.sealed_answer, purpose=_PURPOSE))
    except SealBroken as error:
        raise FirstAnswerUnreadable from error
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept["headers"]]
    return PlainResponse(kept["status"], [*headers, (REPLAYED, b"true")], kept["body"].encode())


def _store_answer(call: Call, answer: PlainResponse) -> None:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers]
    kept = json.dumps({"status": answer.status, "headers": headers, "body": answer.body.decode()})
    AnsweredCall.objects.create(
        api_key_id=call.api_key_id,
        idempotency_key=call.idempotency_key,
        call_digest=call.digest(secret_digests.current_key().key_id),
        sealed_answer=seal(kept, purpose=_PURPOSE),
        expires_at=shared_now() + KEPT,
    )
