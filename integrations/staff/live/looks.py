"""What the live pages look at, and who may see it. Runs in a database thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from integrations.models import Integration, Request
from integrations.models.clock import shared_now
from integrations.services.overview.fleet import Organisations
from integrations.services.people import scope
from integrations.staff.integration import check_page
from integrations.staff.requests import asked_page
from integrations.staff.start.figures import start_figures

OUTLETS, INTEGRATIONS = "integrations.view_outlet", "integrations.view_integration"
ASKING, PAYLOADS = "integrations.ask_pos", "integrations.view_payload"


@dataclass(frozen=True)
class StartLook:
    """The first page's figures."""

    organisations: Organisations

    def html(self) -> str:
        return start_figures(self.organisations)


@dataclass(frozen=True)
class CheckLook:
    """The checklist of one outlet."""

    integration_id: int
    organisations: Organisations
    with_content: bool

    def html(self) -> str:
        found = check_page.integrations().filter(pk=self.integration_id).first()
        if found is None:
            return ""
        return check_page.steps_html(found, shared_now(), self.organisations, with_content=self.with_content)


@dataclass(frozen=True)
class AskedLook:
    """A request that staff made, and what became of it."""

    request_id: int
    with_content: bool

    def html(self) -> str:
        found = asked_page.requests().filter(pk=self.request_id).first()
        return asked_page.html_of(found, shared_now(), with_content=self.with_content) if found else ""


def start(person: User, _place: Mapping[str, Any]) -> StartLook | None:
    return StartLook(scope.organisations_of(person)) if person.has_perm(OUTLETS) else None


def check(person: User, place: Mapping[str, Any]) -> CheckLook | None:
    seen = scope.limit(Integration.objects.filter(pk=place["pk"]), person, "outlet__organisation")
    if not person.has_perm(INTEGRATIONS) or not seen.exists():
        return None
    return CheckLook(place["pk"], scope.organisations_of(person), person.has_perm(PAYLOADS))


def asked(person: User, place: Mapping[str, Any]) -> AskedLook | None:
    seen = scope.limit(Request.objects.filter(pk=place["pk"]), person, "integration__outlet__organisation")
    if not person.has_perm(ASKING) or not seen.exists():
        return None
    return AskedLook(place["pk"], person.has_perm(PAYLOADS))
