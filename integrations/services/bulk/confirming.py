"""Check an action on many outlets, show it, and carry it out in the request that confirms it.

Nothing waits on the server between the check and the confirmation. The checked rows travel in the confirmation form,
sealed: an adopted secret is encrypted there, nobody can alter the rows, and neither the disk nor the session holds
them. The sealed value also names the person and a digest of the plan that was shown. Under the current state of the
rows the same plan must come out again; so the state of the rows decides, and a confirmation that is sent twice finds
them changed by the first.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from integrations.models.audit import Verb
from integrations.models.outlet import is_plain
from integrations.security import sealing
from integrations.services.audit import Actor, record
from integrations.services.bulk import acts, enabling
from integrations.services.bulk import file as bulk_file
from integrations.services.bulk.enabling import Enabled, May
from integrations.services.bulk.file import FileRow
from integrations.services.bulk.plan import BulkAction, PlannedRow, Verdict, WorldChanged, acting, count
from integrations.services.errors import InvalidValue, PortalError
from integrations.services.integration import pos_secrets
from integrations.services.keys import keys
from integrations.services.overlaps import OVERLAPS
from integrations.services.people import scope

PURPOSE = "bulk check"
MOST_ROWS = 1000  # in one request; `manage.py enable_outlets` takes any number
# Secrets of another system's making are hashed slowly, at a tenth of a second each: so many fit into one request.
MOST_HASHED = 100


class NothingToDo(PortalError):
    message = "There is nothing to do."


class RowsWrong(PortalError):
    message = "Some rows are wrong. Correct the file and send it again. Nothing is done before all rows are right."


class CheckUnreadable(PortalError):
    message = "This confirmation cannot be read. Start again, and confirm on the page that you get."


@dataclass(frozen=True, slots=True)
class Checked:
    """What an action on many outlets would do, and the sealed value by which it is confirmed."""

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
            f"The file brings more than {MOST_HASHED} secrets that this portal did not generate. "
            f"Split it, or use the shell: manage.py enable_outlets FILE."
        )
    return _check(BulkAction.ENABLE, rows, name[:200], actor)


def check_selection(action: BulkAction, ids: Sequence[int], *, actor: Actor) -> Checked:
    """Check an action on these integrations, those that the person may see. Raises NothingToDo."""
    checked = _check(action, ids, "", actor)
    if not checked.plan:
        raise NothingToDo("None of the chosen outlets is enabled for Order N Pay.")
    return checked


@sensitive_variables()
def check_again(sealed: str, *, action: BulkAction, actor: Actor) -> Checked:
    """Check the rows of a confirmation as they are now. Raises CheckUnreadable."""
    payload = _opened(sealed, actor)
    if payload["action"] is not action:
        raise CheckUnreadable
    return _check(action, payload["rows"], payload["source"], actor)


@sensitive_variables()
def confirm(sealed: str, *, reason: str = "", overlap: str = "0", actor: Actor) -> list[Enabled]:
    """Carry out what was checked, all of it or nothing, and return the new secrets, this once.

    Raises CheckUnreadable, WorldChanged, RowsWrong, NothingToDo, RowRefused or InvalidValue.
    """
    payload = _opened(sealed, actor)
    action, rows = payload["action"], payload["rows"]
    plan = _plan(action, rows, actor)
    if _digest(plan) != payload["digest"]:
        raise WorldChanged
    if count(plan, Verdict.WRONG):
        raise RowsWrong
    if not acting(plan):
        raise NothingToDo
    options = _options(action, reason.strip(), overlap)
    done = _prepared(action, rows, plan)
    with transaction.atomic():
        checked = Checked(action, payload["source"], plan, "")
        record(Verb.BULK_CONFIRMED, str(checked), actor=actor, outlets=checked.acting, **options)
        return _carry_out(action, rows, done, options, actor)


def _prepared(action: BulkAction, rows: Sequence[Any], plan: Sequence[PlannedRow]) -> Sequence[Any]:
    """Generate and hash the secrets, which takes its time, before the transaction."""
    if action is BulkAction.ENABLE:
        return enabling.prepare(rows, plan)
    return acts.make_secrets(plan) if action is BulkAction.ROTATE else acting(plan)


@sensitive_variables()
def _carry_out(
    action: BulkAction, rows: Sequence[Any], prepared: Sequence[Any], options: dict[str, Any], actor: Actor
) -> list[Enabled]:
    organisations = _organisations(actor.user)
    if action is BulkAction.ENABLE:
        return enabling.write(rows, prepared, _may(actor.user), actor=actor)
    if action is BulkAction.ROTATE:
        return acts.rotate(prepared, organisations, overlap=options["overlap"], actor=actor)
    act = acts.disable if action is BulkAction.DISABLE else acts.reenable
    act(prepared, organisations, reason=options.get("reason", ""), actor=actor)
    return []


@sensitive_variables()
def _check(action: BulkAction, rows: Sequence[Any], source: str, actor: Actor) -> Checked:
    plan = _plan(action, rows, actor)
    payload = {
        "action": action.value,
        "rows": [astuple(row) for row in rows] if action is BulkAction.ENABLE else list(rows),
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
        payload["rows"] = [FileRow(*values) for values in payload["rows"]]
    return payload


def _plan(action: BulkAction, rows: Sequence[Any], actor: Actor) -> list[PlannedRow]:
    if action is BulkAction.ENABLE:
        return enabling.check(rows, _may(actor.user))
    return acts.check(action, rows, _organisations(actor.user))


def _digest(plan: Sequence[PlannedRow]) -> str:
    return hashlib.sha256(json.dumps([row.as_json() for row in plan]).encode()).hexdigest()


@sensitive_variables()
def _is_hashed(row: FileRow) -> bool:
    try:
        return bool(row.adopted_secret) and pos_secrets.recognise(row.adopted_secret) is None
    except PortalError:
        return False  # the check says what is wrong with it


def _options(action: BulkAction, reason: str, overlap: str) -> dict[str, Any]:
    if reason and (len(reason) > 200 or not is_plain(reason)):
        raise InvalidValue("reason", "Give the reason in one line of up to 200 characters.")
    if action is BulkAction.DISABLE and not reason:
        raise InvalidValue("reason", "Give a reason: it is what your colleagues will see.")
    if action is BulkAction.ROTATE:
        return {"overlap": overlap if overlap in OVERLAPS else "0"}
    return {"reason": reason} if reason else {}


def _may(user: AbstractBaseUser | None) -> May:
    if not isinstance(user, User):
        return May()
    return May(
        scope.organisations_of(user),
        # A person with limits could not see the organisation that they created.
        user.has_perm("integrations.add_organisation") and not scope.is_limited(user),
        user.has_perm("integrations.add_outlet"),
    )


def _organisations(user: AbstractBaseUser | None) -> frozenset[int] | None:
    return scope.organisations_of(user) if user else None
