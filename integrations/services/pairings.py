"""What the detail of a wrong POSRemoteID may say to whom: it names the outlet whose POSRemoteID was sent."""

from collections.abc import Iterable

from integrations.models import AuthAttempt, Integration
from integrations.models.attempt import Outcome

HIDDEN = "The POSRemoteID that was sent is of no outlet that you see."


def hide_others(attempts: Iterable[AuthAttempt], organisations: frozenset[int] | None) -> None:
    """Take from these rows, in memory, the names of outlets of other organisations than these (None: all are seen)."""
    mispaired = [each for each in attempts if each.outcome == Outcome.WRONG_POS_REMOTE_ID and each.detail]
    if organisations is None or not mispaired:
        return
    sent = {each.pos_remote_id for each in mispaired}
    seen = Integration.objects.filter(pos_remote_id__in=sent, outlet__organisation__in=organisations)
    named = set(seen.values_list("pos_remote_id", flat=True))
    for each in mispaired:
        if each.pos_remote_id not in named:
            each.detail = HIDDEN
