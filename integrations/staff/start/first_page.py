"""What the first page adds to Django's: what to do next in a new portal, and what was done last."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from integrations.models import AuditEvent, Integration, Outlet
from integrations.models.audit import Verb
from integrations.services.overview.fleet import read_fleet
from integrations.services.people import scope
from integrations.staff.start.figures import context_of

LATEST = 6
LOOKED_THROUGH = 500
COMING_IN = (Verb.SIGNED_IN, Verb.SIGN_IN_REFUSED)  # in their list; here they would crowd out what was done


@dataclass(frozen=True)
class NextStep:
    """A sentence, and the page on which to do what it says."""

    text: str
    url: str
    label: str


def what_next(request: HttpRequest, *, has_figures: bool) -> NextStep | None:
    """Return the next step in a portal that is still being set up, if this person may take it."""
    if has_figures:
        return None  # so there is an outlet that is enabled
    if not scope.limit(Outlet.objects.all(), request.user, "organisation").exists():
        return _add_outlet() if request.user.has_perm("integrations.add_outlet") else None
    if not scope.limit(Integration.objects.all(), request.user, "outlet__organisation").exists():
        return _enable_outlet() if request.user.has_perm("integrations.add_integration") else None
    return None


def figures(request: HttpRequest) -> dict[str, object]:
    """Return the context of the figures, for staff who may see outlets once there are any that are enabled."""
    if not request.user.has_perm("integrations.view_outlet"):
        return {}
    fleet = read_fleet(scope.organisations_of(request.user))
    return context_of(fleet) if fleet.enabled or fleet.disabled else {}


def latest_acts(request: HttpRequest) -> list[AuditEvent] | None:
    """Return the newest audit events but for who came in, or None for who may not see them.

    Of the newest LOOKED_THROUGH: where people come in all day, the table is not read back to the last act.
    """
    if not request.user.has_perm("integrations.view_auditevent"):
        return None
    newest = scope.limit(AuditEvent.objects.all(), request.user, "organisation").values_list("pk", flat=True)
    acts = AuditEvent.objects.filter(pk__in=list(newest[:LOOKED_THROUGH])).exclude(verb__in=COMING_IN)
    return list(acts[:LATEST])


def _add_outlet() -> NextStep:
    return NextStep(
        "There is no outlet yet. Add the first one, then enable Order N Pay on it.",
        reverse("admin:integrations_outlet_add"),
        "Add an outlet",
    )


def _enable_outlet() -> NextStep:
    return NextStep(
        "No outlet is enabled yet. Open one and choose “Enable Order N Pay”: you get the three values that "
        "PowerEPOS needs.",
        reverse("admin:integrations_outlet_changelist"),
        "Choose an outlet",
    )
