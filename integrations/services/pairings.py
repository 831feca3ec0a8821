"""Says whose POSRemoteID was sent by a POS of another outlet, to viewers who may see that outlet."""

from collections.abc import Iterable

from integrations.models import AuthAttempt, Integration
from integrations.models.attempt import Outcome

HIDDEN = "The POSRemoteID that was sent is of no outlet that you see."


def explain(attempts: Iterable[AuthAttempt], organisations: frozenset[int] | None) -> None:
    """Add it to `detail`, in memory, of attempts with a wrong POSRemoteID. `organisations` are those seen, None all."""
    mispaired = [each for each in attempts if each.outcome == Outcome.WRONG_POS_REMOTE_ID]
    owners = Integration.objects.filter(pk__in={each.pos_remote_id_of_id for each in mispaired})
    if organisations is not None:
        owners = owners.filter(outlet__organisation__in=organisations)
    seen = owners.select_related("outlet__organisation").in_bulk() if mispaired else {}
    for each in mispaired:
        owner = seen.get(each.pos_remote_id_of_id or 0)
        whose = _words(owner) if owner or organisations is None else HIDDEN
        each.detail = f"{whose} {each.detail}".strip()


def _words(owner: Integration | None) -> str:
    if owner is None:
        return "The POSRemoteID that was sent belongs to no outlet here."
    return f"The POSRemoteID that was sent is that of outlet {owner.outlet}."
