"""The values that PowerEPOS needs for many outlets, and the CSV file that shows these values once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils import dateformat, timezone
from django.views.decorators.debug import sensitive_variables

from integrations.models.clock import shared_now
from integrations.services.bulk import spreadsheet
from integrations.services.bulk.plan import PlannedRow
from integrations.services.handover.handover import HandOver
from integrations.services.overlaps import OVERLAPS

KEPT = "the secret from the file"
COLUMNS = (
    "Organisation",
    "Outlet",
    "ProviderOutletID",
    "POSRemoteID",
    "AuthSecret",
    "AuthURL",
    "WebsocketURL",
    "Note",
)


@dataclass(frozen=True, slots=True)
class NamedHandOver:
    """The values of an outlet, with the names of the organisation and the outlet.

    The secret is empty if the imported file contained it.
    """

    organisation: str
    outlet: str
    handover: HandOver


def named(planned: Iterable[PlannedRow], handovers: Iterable[HandOver]) -> list[NamedHandOver]:
    """Return the hand-over values of each outlet, with the names of the outlet and its organisation."""
    return [NamedHandOver(row.organisation, row.outlet, each) for row, each in zip(planned, handovers, strict=True)]


@sensitive_variables()
def result_csv(done: Sequence[NamedHandOver], note: str) -> str:
    """Return the values for PowerEPOS as CSV."""
    rows = [
        (
            each.organisation,
            each.outlet,
            *each.handover.as_wire().values(),
            note if each.handover.auth_secret else KEPT,
        )
        for each in done
    ]
    return spreadsheet.lines([COLUMNS, *rows])


def note_on_rotation(overlap: str) -> str:
    """Return the text for the Note column of rotated secrets: whether, and until when, the old secret works."""
    if not OVERLAPS[overlap]:
        return "a new secret; the old one no longer works"
    until = timezone.localtime(shared_now() + OVERLAPS[overlap])
    return f"a new secret; the old one works until {dateformat.format(until, 'j M Y, H:i T')}"
