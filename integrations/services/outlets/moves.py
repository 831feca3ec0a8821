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


def explain_moves(events: Iterable[AuditEvent], organisations: frozenset[int] | None) -> None:
    """Add names to `detail` of events of moved outlets, in memory only. `organisations` are those that the viewer may
    see; None means all.
    """
    moved = [each for each in events if each.verb == Verb.OUTLET_CHANGED and isinstance(each.detail.get(FIELD), dict)]
    ids = {side for each in moved for side in each.detail[FIELD].values() if isinstance(side, int)}
    rows = Organisation.objects.filter(pk__in=ids if organisations is None else organisations)
    names = dict(rows.values_list("pk", "name")) if moved else {}
    for each in moved:
        sides = {name: _organisation_words(side, names, organisations) for name, side in each.detail[FIELD].items()}
        each.detail = {**each.detail, FIELD: sides}


def _organisation_words(side: int | str, names: Mapping[int, str], organisations: frozenset[int] | None) -> str:
    if isinstance(side, int):
        return names.get(side) or (DELETED if organisations is None or side in organisations else HIDDEN)
    return side if organisations is None or side in names.values() else HIDDEN
