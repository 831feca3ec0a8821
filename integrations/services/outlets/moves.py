"""Name the organisations in audit events of moved outlets, for viewers who may see these organisations.

The events store ids, because a person limited to one of the two organisations may read the event but must not learn
the other's name. Events of older versions contain names.
"""

from collections.abc import Iterable, Mapping

from integrations.models import AuditEvent, Organisation
from integrations.models.audit import Verb

FIELD = "organisation"
HIDDEN = "another organisation"
DELETED = "an organisation that was deleted"


def explain_moves(
    events: Iterable[AuditEvent], organisations: frozenset[int] | None, *, known: Iterable[Organisation | None] = ()
) -> None:
    """In the `detail` of each event about a moved outlet, replace organisations' ids with names, in memory only.

    `organisations` are those that the viewer may see (None: all). `known` are those that the caller has already read;
    if the events refer to no others, no query runs.
    """
    moved = [each for each in events if each.verb == Verb.OUTLET_CHANGED and isinstance(each.detail.get(FIELD), dict)]
    names = _names(moved, organisations, known)
    for each in moved:
        sides = {name: _organisation_words(side, names, organisations) for name, side in each.detail[FIELD].items()}
        each.detail = {**each.detail, FIELD: sides}


def _names(
    moved: Iterable[AuditEvent], organisations: frozenset[int] | None, known: Iterable[Organisation | None]
) -> dict[int, str]:
    """Return the names, by id, of the organisations that these moves refer to and the viewer may see."""
    ids = {side for each in moved for side in each.detail[FIELD].values() if isinstance(side, int)}
    is_old = any(isinstance(side, str) for each in moved for side in each.detail[FIELD].values())
    wanted = ids if organisations is None else organisations if is_old else ids & organisations
    names = {each.pk: each.name for each in known if each and each.pk in wanted}
    missing = wanted - names.keys()
    return names | dict(Organisation.objects.filter(pk__in=missing).values_list("pk", "name")) if missing else names


def _organisation_words(side: int | str, names: Mapping[int, str], organisations: frozenset[int] | None) -> str:
    if isinstance(side, int):
        return names.get(side) or (DELETED if organisations is None or side in organisations else HIDDEN)
    return side if organisations is None or side in names.values() else HIDDEN
