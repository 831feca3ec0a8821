"""The admin site: its titles, the order of its lists, its start page."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, cast

from allauth.decorators import rate_limit
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse

from integrations.services.people import people
from integrations.services.people.groups import has_no_role
from integrations.staff.base.bounded import bounded
from integrations.staff.base.fragments import refreshable
from integrations.staff.base.lookups import check_search
from integrations.staff.base.menu import menu_of
from integrations.staff.outlets.search_page import search
from integrations.staff.signing_in import gate, proof, sessions
from integrations.staff.signing_in.actors import actor_of
from integrations.staff.start.first_page import figures, recent_activity, what_next

NOT_SAVED = "Nothing was saved, because your session had ended. Sign in, then fill in the form again."
NO_ROLE = {"title": "You have no role yet"}


class PortalSite(AdminSite):
    """Django's admin site with the portal's name and rights, and its lists grouped by task."""

    site_title = "Order N Pay portal"
    site_header = "Order N Pay portal"
    index_title = "Start"
    site_url = None  # no link to a web site, because there is only the portal

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")  # it would bypass the services

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether the user is staff with a complete sign-in. Every admin page and action page checks this."""
        return gate.is_staff(request.user) and gate.missing_in(request) is None

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Return the view restricted to staff, with the limits of staff/base/bounded.py and with live refreshes."""
        return _notes_ended_session(super().admin_view(bounded(refreshable(view)), cacheable))

    def get_urls(self) -> list[Any]:
        return [path("search/", self.admin_view(search), name="search"), *super().get_urls()]

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        check_search(request.GET.get("term", ""))
        return super().autocomplete_view(request)

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Change the user's own password, end their other sessions, and record an audit event."""
        person = cast("User", request.user)
        if asked := proof.ask_if_stale(request):
            return asked
        if not person.has_usable_password():
            messages.error(request, "Your account has no password: you sign in another way.")
            return HttpResponseRedirect(reverse("mfa_index"))
        with transaction.atomic():
            response = rate_limit(action="change_password")(super().password_change)(request, extra_context)
            if response.status_code == HTTPStatus.FOUND:
                people.password_was_set(person, actor=actor_of(request))
        return cast("HttpResponseBase", response)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        if has_no_role(cast("User", request.user)):
            return TemplateResponse(request, "staff/people/no_role.html", {**self.each_context(request), **NO_ROLE})
        shown = figures(request)
        if sessions.is_refresh(request):
            # The live part alone takes a fifth less work than the whole page.
            return TemplateResponse(request, "admin/index.html", shown)
        next_step = what_next(request, has_figures=bool(shown))
        ours = {"next_step": next_step, "recent_activity": recent_activity(request), **shown}
        return super().index(request, {**ours, **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        return menu_of(super().get_app_list(request, app_label), self._registry)

    def app_index(  # type: ignore[override]
        self,
        request: HttpRequest,  # noqa: ARG002
        app_label: str,  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponseRedirect:
        """Redirect to the start page, because the portal has no page for each Django app."""
        return HttpResponseRedirect(reverse("admin:index"))


def _notes_ended_session(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return the view with a check: if a form arrives after the session has ended, warn that nothing was saved.

    The form's input is not stored, because anyone could fill the session table that way.
    """

    @wraps(view)
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method == "POST" and not request.user.is_authenticated:
            messages.warning(request, NOT_SAVED)
        return view(request, *args, **kwargs)

    return handle
