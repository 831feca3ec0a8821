"""Choose the keys that this process writes with, from those that live processes announce. Runs in a database thread."""

import time
import uuid
from collections.abc import Sequence
from itertools import chain

from integrations.models import ServerProcess
from integrations.models.clock import shared_now
from integrations.security import keyring
from integrations.security.keyring import Ring
from integrations.services.keys import newer_keys

# A command does not choose again within this time. A server process chooses every second (relay/watch/watcher.py).
FRESH_SECONDS = 5.0

_chosen_at = -FRESH_SECONDS


def announcement() -> dict[str, str]:
    """Return the columns that announce this process's keys: ids separated by commas, the newest first."""
    return {"credential_keys": ",".join(keyring.CREDENTIAL.ids), "signing_keys": ",".join(keyring.SIGNING.ids)}


def choose(own_id: uuid.UUID | None = None) -> None:
    """Make this process write with the newest keys that all live processes have. Runs one small query.

    `own_id` is the id of this process's row, if it has one. Processes that announce no keys (old versions) are ignored.
    """
    global _chosen_at  # noqa: PLW0603  (a process has one ring of each kind)
    alive = ServerProcess.objects.running(shared_now())
    rows = list(alive.order_by("-started_at", "-pk").values_list("pk", "credential_keys", "signing_keys"))
    keyring.CREDENTIAL.choose(_newest_common(keyring.CREDENTIAL, [(pk, keys) for pk, keys, _ in rows], own_id))
    keyring.sign_with(_newest_common(keyring.SIGNING, [(pk, keys) for pk, _, keys in rows], own_id))
    _chosen_at = time.monotonic()
    if own_id is not None:
        _compare([(pk, keys) for pk, keys, _ in rows], own_id)


def choose_before_writing() -> None:
    """Choose the keys unless this process did so within FRESH_SECONDS. For rare writes, including those of commands."""
    if time.monotonic() - _chosen_at > FRESH_SECONDS:
        choose()


def _compare(rows: Sequence[tuple[uuid.UUID, str]], own_id: uuid.UUID) -> None:
    """Pass the keys of the processes that started before and after this one to newer_keys.compare.

    `rows` begin with the process that started last.
    """
    order = [pk for pk, _ in rows]
    own = order.index(own_id) if own_id in order else 0
    later, earlier = ([tuple(keys.split(",")) for _, keys in part if keys] for part in (rows[:own], rows[own + 1 :]))
    newer_keys.compare(earlier, later)


def _newest_common(ring: Ring, rows: Sequence[tuple[uuid.UUID, str]], own_id: uuid.UUID | None) -> str:
    """Return the id of the newest key that all processes have, or else of the key that the most processes have.

    Only keys that this process has are considered. Each process announces its keys, the newest first. If all processes
    share several keys, the order of the process that started last decides, so all processes choose the same key. If
    they share none, one process has wrong settings, most likely the one that started last. In that case, if several
    keys are equally widespread, the order of the process that started first decides, so older processes keep their key.
    """
    announced = [ring.ids if pk == own_id else tuple(keys.split(",")) for pk, keys in rows if keys]
    holders = {key_id: sum(key_id in keys for keys in announced) for key_id in ring.ids}
    most = max(holders.values())
    order = announced[:1] if most == len(announced) else announced[::-1]
    return next(key_id for key_id in chain(*order, ring.ids) if holders.get(key_id) == most)
