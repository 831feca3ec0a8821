"""The portal's additions to the admin's start page: the next step in a new portal, figures, recent activity."""

from dataclasses import dataclass

from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse

from integrations.models import AuditEvent, Integration, Outlet
from integrations.models.audit import Verb
from integrations.services.overview.fleet_state import read_fleet
from integrations.services.people import scope
from integrations.staff.base import rights
from integrations.staff.start.attention import groups_of
from integrations.staff.start.figures import context_of

LATEST = 6
SEARCHED = 500
SIGN_INS = (Verb.SIGNED_IN, Verb.SIGN_IN_REFUSED)  # not shown here, because they would displace all other events


@dataclass(frozen=True)
class NextStep:
    """The next step in a new portal: a sentence, and the URL and label of the button below it, if there is one."""

    text: str
    url: str = ""
    label: str = ""


def what_next(request: HttpRequest, *, has_figures: bool) -> NextStep | None:
    """Return the next step in a portal without enabled outlets, or None if this person may not take it."""
    if has_figures:
        return None  # figures exist only if an outlet is, or was, enabled
    if scope.organisations_of(request.user) == frozenset():
        return NextStep("You have access to no organisation yet. Ask an administrator of the portal to choose yours.")
    if rights.may_enable_new(request):
        return _enable_new() if not _has_integrations(request) else None
    if not scope.limit(Outlet.objects.all(), request.user, "organisation").exists():
        return _add_outlet() if request.user.has_perm("integrations.add_outlet") else None
    if not _has_integrations(request):
        return _enable_outlet() if request.user.has_perm("integrations.add_integration") else None
    return None


def figures(request: HttpRequest) -> dict[str, object]:
    """Return the context of the live part: what needs attention, and the figures.

    The context is empty if the person may not see outlets, or if no outlet was ever enabled.
    """
    if not request.user.has_perm("integrations.view_outlet"):
        return {}
    organisations = scope.organisations_of(request.user)
    fleet = read_fleet(organisations)
    if not (fleet.enabled or fleet.disabled):
        return {}
    return {**context_of(fleet), "attention": groups_of(request, fleet, organisations)}


def recent_activity(request: HttpRequest) -> list[AuditEvent] | None:
    """Return the newest audit events except sign-ins; None if the user may not see them.

    Reads only the newest SEARCHED events; otherwise many sign-ins could make the query scan the whole table. The
    query sorts by an expression. If it sorted by a plain column, the database would use that column's index, and would
    also read older events.
    """
    if not request.user.has_perm("integrations.view_auditevent"):
        return None
    newest = scope.limit(AuditEvent.objects.all(), request.user, "organisation").values("pk")
    actions = AuditEvent.objects.filter(pk__in=newest[:SEARCHED]).exclude(verb__in=SIGN_INS)
    return list(actions.order_by(Coalesce("at", "at").desc(), "-pk")[:LATEST])


def _has_integrations(request: HttpRequest) -> bool:
    return scope.limit(Integration.objects.all(), request.user, "outlet__organisation").exists()


def _enable_new() -> NextStep:
    return NextStep(
        "No outlet is enabled yet. Enable the first one: you get the three values that PowerEPOS needs.",
        reverse("admin:integrations_outlet_enable_new"),
        "Enable an outlet",
    )


def _add_outlet() -> NextStep:
    return NextStep(
        "There is no outlet yet. Add the first one. A colleague can then enable Order N Pay on it.",
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
