"""The values that PowerEPOS needs of many outlets, as the CSV file that is given once."""

from collections.abc import Sequence

from django.utils import dateformat, timezone
from django.views.decorators.debug import sensitive_variables

from integrations.models.clock import shared_now
from integrations.services.bulk import spreadsheet
from integrations.services.bulk.enabling import Enabled
from integrations.services.overlaps import OVERLAPS

KEPT = "the secret of the file"
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


@sensitive_variables()
def result_csv(enabled: Sequence[Enabled], note: str) -> str:
    """Return the values for PowerEPOS as CSV."""
    rows = [
        (
            each.organisation,
            each.outlet,
            *each.handover.as_wire().values(),
            note if each.handover.auth_secret else KEPT,
        )
        for each in enabled
    ]
    return spreadsheet.lines([COLUMNS, *rows])


def note_on_rotation(overlap: str) -> str:
    """Return what the file says about each rotated secret."""
    if not OVERLAPS[overlap]:
        return "a new secret; the old one is void"
    until = timezone.localtime(shared_now() + OVERLAPS[overlap])
    return f"a new secret; the old one works until {dateformat.format(until, 'j M Y, H:i T')}"
