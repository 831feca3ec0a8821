"""Find the outlet that has a POSRemoteID, in any spelling; viewers see its name only if they may see the outlet."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import OuterRef, Prefetch, Q, QuerySet, prefetch_related_objects

from integrations.models import AuthAttempt, Integration
from integrations.models.attempt import Outcome
from integrations.text.characters import identity

OWNER = "pos_remote_id_of"
# If attempts are read with select_related(OWNER_NAMED), `explain` needs no query.
OWNER_NAMED = f"{OWNER}__outlet__organisation"
TWIN = {"name": "outlet__name", "organisation": "outlet__organisation__name", "of": "outlet__organisation_id"}
HIDDEN = "The POSRemoteID that was sent belongs to no outlet that you may see."


def holders_of(pos_remote_id: str) -> QuerySet[Integration]:
    """Return the integrations with this POSRemoteID; a UUID matches in any spelling.

    There can be more than one, because old rows can share a POSRemoteID.
    """
    return Integration.objects.filter(alike(identity(pos_remote_id), pos_remote_id))


def alike(match_id: Any, pos_remote_id: Any) -> Q:
    """Return a condition that selects integrations with this POSRemoteID. `match_id` is its normalised form."""
    return Q(match_id=match_id) | Q(pos_remote_id=pos_remote_id)


def find_owners(sent: Iterable[str]) -> dict[str, list[int]]:
    """Return each known POSRemoteID with its integrations' primary keys: those with this exact spelling come first."""
    wanted = {each: identity(each) for each in sent}
    rows = Integration.objects.filter(match_id__in=set(wanted.values())).order_by("pk")
    alike: dict[str, list[tuple[str, int]]] = {}
    for pos_remote_id, match_id, pk in rows.values_list("pos_remote_id", "match_id", "pk"):
        alike.setdefault(match_id, []).append((pos_remote_id, pk))
    return {
        each: [pk for _, pk in sorted(alike[match_id], key=lambda row: row[0] != each)]
        for each, match_id in wanted.items()
        if match_id in alike
    }


def twin_columns(path: str = "") -> dict[str, QuerySet[Any, Any]]:
    """Return columns for a query: the name and the organisation of another outlet with the same POSRemoteID.

    `path` leads from the rows of the query to their integration, for example "integration__".
    """
    twins = Integration.objects.filter(alike(OuterRef(f"{path}match_id"), OuterRef(f"{path}pos_remote_id")))
    others = twins.exclude(pk=OuterRef(f"{path}pk")).order_by("pk")
    return {f"twin_{name}": others.values(column) for name, column in TWIN.items()}


def twin_words(row: Mapping[str, Any], organisations: frozenset[int] | None) -> str:
    """Return a text about another outlet with the same POSRemoteID, or an empty text. `row` has the `twin_columns`."""
    if row["twin_name"] is None:
        return ""
    is_seen = organisations is None or row["twin_of"] in organisations
    twin = f"Outlet {row['twin_organisation']} – {row['twin_name']}" if is_seen else "An outlet that you may not see"
    return f"{twin} has the same POSRemoteID."


def explain(attempts: Iterable[AuthAttempt], organisations: frozenset[int] | None) -> None:
    """Name the outlet that owns the sent POSRemoteID, in the `detail` of mispaired attempts. Saves nothing.

    An attempt is mispaired if its two IDs belong to different outlets, or if only one of them is known. The owner is
    named only if it is in the visible `organisations` (None: all). Takes no query for attempts that were read with
    OWNER_NAMED.
    """
    mispaired = [each for each in attempts if each.outcome == Outcome.WRONG_POS_REMOTE_ID or each.pos_remote_id_of_id]
    prefetch_related_objects(mispaired, Prefetch(OWNER, Integration.objects.select_related("outlet__organisation")))
    for each in mispaired:
        owner = each.pos_remote_id_of
        if owner and organisations is not None and owner.outlet.organisation_id not in organisations:
            owner = None
            if each.outcome != Outcome.WRONG_POS_REMOTE_ID:
                each.pos_remote_id_of = None  # hide from the viewer that an outlet has this ID
                continue
        whose = _owner_words(owner) if owner or organisations is None else HIDDEN
        each.detail = f"{whose} {each.detail}".strip()


def _owner_words(owner: Integration | None) -> str:
    if owner is None:
        return "The POSRemoteID that was sent belongs to no outlet here."
    return f"The POSRemoteID that was sent is that of outlet {owner.outlet}."
