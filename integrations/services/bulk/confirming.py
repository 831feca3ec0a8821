"""Check an action on many outlets, show it, and carry it out in the request that confirms it.

The server stores nothing between the check and the confirmation. The confirmation form carries the checked rows in a
sealed value (encrypted and authenticated). So the rows, including adopted secrets, cannot be read or altered, and
neither the disk nor the session holds them. The sealed value also contains the person's id and a digest of the plan
that was shown. `confirm` plans the rows again from their current state and requires the same digest. If a confirmation
is sent twice, the second one is refused, because the first one has changed the rows.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from integrations.models.audit import Verb
from integrations.security import sealing
from integrations.services.audit import Actor, record
from integrations.services.bulk import enabling, selection
from integrations.services.bulk import file as bulk_file
from integrations.services.bulk.enabling import Permissions
from integrations.services.bulk.file import FileRow
from integrations.services.bulk.plan import BulkAction, PlannedRow, RowsChanged, Verdict, acting, count
from integrations.services.bulk.result_file import NamedHandOver, named
from integrations.services.errors import PortalError
from integrations.services.integration import pos_secrets
from integrations.services.integration.enabling import disable_many, reenable_many
from integrations.services.integration.pos_secrets import NewSecret
from integrations.services.keys import keys
from integrations.services.overlaps import OVERLAPS
from integrations.services.people import scope
from integrations.services.reasons import plain_reason

PURPOSE = "bulk check"
MOST_ROWS = 1000  # rows in one request; `manage.py enable_outlets` takes any number
# A file may contain at most this many secrets from another system: hashing each takes a tenth of a second.
MOST_HASHED = 100


class NothingToDo(PortalError):
    message = "There is nothing to do."


class RowsWrong(PortalError):
    message = "Some rows are wrong. Correct the file and send it again. Nothing is changed until all rows are correct."


class CheckUnreadable(PortalError):
    message = "This confirmation cannot be read. Start again, and confirm on the page that you get."


@dataclass(frozen=True, slots=True)
class Checked:
    """The plan of a bulk action, and the sealed value that confirms it."""

    action: BulkAction
    source: str
    plan: Sequence[PlannedRow]
    sealed: str = field(repr=False)

    @property
    def acting(self) -> int:
        return count(self.plan, Verdict.ACT)

    @property
    def skipped(self) -> int:
        return count(self.plan, Verdict.SKIP)

    @property
    def wrong(self) -> int:
        return count(self.plan, Verdict.WRONG)

    @property
    def warned(self) -> int:
        return sum(bool(row.warning) for row in self.plan)

    def __str__(self) -> str:
        total = "1 outlet" if len(self.plan) == 1 else f"{len(self.plan)} outlets"
        return f"{self.action.label}: {self.source or total}"


@sensitive_variables()
def check_file(content: bytes, *, name: str, actor: Actor) -> Checked:
    """Check a file of outlets to enable. Raises FileRefused."""
    rows = bulk_file.read_rows(content, most=MOST_ROWS)
    if sum(_is_hashed(row) for row in rows) > MOST_HASHED:
        raise bulk_file.FileRefused(
            f"The file contains more than {MOST_HASHED} secrets that this portal did not generate. "
            f"Split it, or use the shell: manage.py enable_outlets FILE."
        )
    return _seal_plan(BulkAction.ENABLE, rows, name[:200], actor)


def check_selection(action: BulkAction, ids: Sequence[int], *, actor: Actor) -> Checked:
    """Check an action on these integrations; leave out those that the person may not see. Raises NothingToDo."""
    checked = _seal_plan(action, ids, "", actor)
    if not checked.plan:
        raise NothingToDo("None of the chosen outlets is enabled for Order N Pay. Enable them first.")
    return checked


@sensitive_variables()
def check_again(sealed: str, *, action: BulkAction, actor: Actor) -> Checked:
    """Check the rows of a confirmation again in their current state. Raises CheckUnreadable."""
    payload = _opened(sealed, actor)
    if payload["action"] is not action:
        raise CheckUnreadable
    return _seal_plan(action, payload["rows"], payload["source"], actor)


@sensitive_variables()
def rows_of(sealed: str, *, actor: Actor) -> list[int]:
    """Return the primary keys of the integrations in a confirmation; none if it is for a file or cannot be read."""
    try:
        payload = _opened(sealed, actor)
    except CheckUnreadable:
        return []
    return [] if payload["action"] is BulkAction.ENABLE else payload["rows"]


@sensitive_variables()
def confirm(sealed: str, *, reason: str = "", overlap: str = "0", actor: Actor) -> list[NamedHandOver]:
    """Carry out the checked action in one transaction, and return the new secrets; they cannot be read again.

    Raises CheckUnreadable, RowsChanged, RowsWrong, NothingToDo, RowRefused or InvalidValue.
    """
    payload = _opened(sealed, actor)
    action, rows = payload["action"], payload["rows"]
    plan = _plan_rows(action, rows, actor)
    if _digest(plan) != payload["digest"]:
        raise RowsChanged
    if count(plan, Verdict.WRONG):
        raise RowsWrong
    if not acting(plan):
        raise NothingToDo
    options = _options(action, reason, overlap)
    secrets = _new_secrets(action, rows, plan)
    with transaction.atomic():
        checked = Checked(action, payload["source"], plan, "")
        record(Verb.BULK_CONFIRMED, str(checked), actor=actor, outlets=checked.acting, **options)
        if action is BulkAction.ENABLE:
            return enabling.write(rows, acting(plan), secrets, _permissions(actor.user), actor=actor)
        return _change(action, plan, secrets, options, actor)


def _new_secrets(action: BulkAction, rows: Sequence[Any], plan: Sequence[PlannedRow]) -> list[NewSecret]:
    """Generate or hash the secrets before the transaction, because hashing is slow."""
    if action is BulkAction.ENABLE:
        return enabling.prepare(rows, plan)
    return [pos_secrets.generate_secret() for _ in acting(plan)] if action is BulkAction.ROTATE else []


@sensitive_variables()
def _change(
    action: BulkAction,
    plan: Sequence[PlannedRow],
    secrets: Sequence[NewSecret],
    options: dict[str, Any],
    actor: Actor,
) -> list[NamedHandOver]:
    integrations = selection.lock(action, plan, _organisations(actor.user))
    if action is BulkAction.ROTATE:
        new = list(zip(integrations, secrets, strict=True))
        return named(acting(plan), pos_secrets.rotate_secrets(new, overlap=options["overlap"], actor=actor))
    change = disable_many if action is BulkAction.DISABLE else reenable_many
    change(integrations, reason=options.get("reason", ""), actor=actor)
    return []


@sensitive_variables()
def _seal_plan(action: BulkAction, rows: Sequence[Any], source: str, actor: Actor) -> Checked:
    plan = _plan_rows(action, rows, actor)
    payload = {
        "action": action.value,
        "rows": [asdict(row) for row in rows] if action is BulkAction.ENABLE else list(rows),
        "source": source,
        "person": actor.user.pk if actor.user else None,
        "digest": _digest(plan),
    }
    keys.choose_before_writing()
    return Checked(action, source, plan, sealing.seal(json.dumps(payload, ensure_ascii=False), purpose=PURPOSE))


@sensitive_variables()
def _opened(sealed: str, actor: Actor) -> dict[str, Any]:
    try:
        payload: dict[str, Any] = json.loads(sealing.unseal(sealed, purpose=PURPOSE))
    except sealing.SealBroken as error:
        raise CheckUnreadable from error
    if payload["person"] != (actor.user.pk if actor.user else None):
        raise CheckUnreadable
    payload["action"] = BulkAction(payload["action"])
    if payload["action"] is BulkAction.ENABLE:
        payload["rows"] = [FileRow(**values) for values in payload["rows"]]
    return payload


def _plan_rows(action: BulkAction, rows: Sequence[Any], actor: Actor) -> list[PlannedRow]:
    if action is BulkAction.ENABLE:
        return enabling.check(rows, _permissions(actor.user))
    return selection.check(action, rows, _organisations(actor.user))


def _digest(plan: Sequence[PlannedRow]) -> str:
    return hashlib.sha256(json.dumps([row.as_json() for row in plan]).encode()).hexdigest()


@sensitive_variables()
def _is_hashed(row: FileRow) -> bool:
    try:
        return bool(row.adopted_secret) and pos_secrets.recognise(row.adopted_secret) is None
    except PortalError:
        return False  # `recognise` refused the secret; enabling.check reports it


def _options(action: BulkAction, reason: str, overlap: str) -> dict[str, Any]:
    if action is BulkAction.ROTATE:
        return {"overlap": overlap if overlap in OVERLAPS else "0"}
    reason = plain_reason(reason)
    return {"reason": reason} if reason else {}


def _permissions(user: AbstractBaseUser | None) -> Permissions:
    if not isinstance(user, User):
        return Permissions()
    return Permissions(
        scope.organisations_of(user),
        # A person limited to certain organisations could not see one that they created.
        user.has_perm("integrations.add_organisation") and not scope.is_limited(user),
        user.has_perm("integrations.add_outlet"),
        user.has_perm("integrations.view_outlet"),
    )


def _organisations(user: AbstractBaseUser | None) -> frozenset[int] | None:
    return scope.organisations_of(user) if user else None
