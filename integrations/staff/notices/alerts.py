"""Pages about alerts, and about the recipients of alerts by e-mail."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin, site
from django.core.exceptions import ValidationError
from django.db.models import Count, ForeignKey, QuerySet
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from integrations.models import Alert, AlertRecipient
from integrations.models.clock import shared_now
from integrations.services.notices import alert_recipients, mailing
from integrations.services.people import scope
from integrations.staff.base.admin import PortalAdmin, ReadOnlyAdmin
from integrations.staff.base.choices import no_organisation
from integrations.staff.base.filters import OrganisationFilter, PortalFilter
from integrations.staff.base.menu import MenuGroup
from integrations.staff.base.presentation import ago, marked
from integrations.staff.signing_in.actors import actor_of

MEMBERS = 500


class OpenAlertFilter(PortalFilter):
    """Filters alerts by state: open or ended."""

    title = "state"
    parameter_name = "open"

    def lookups(self, _request: HttpRequest, _admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("yes", "Open"), ("no", "Ended")]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(ended_at__isnull=self.value() == "yes")


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin[Alert]):
    """The alerts that staff were notified about, with their state."""

    menu_group = MenuGroup.ALERTS
    menu_position = 10
    page = "staff/notices/alert_page.html"
    when_empty = (
        "No alerts yet. The portal alerts you when outlets are offline for too long, when many authentications are "
        "refused, and when credentials are about to expire."
    )
    first_step = "To get them by e-mail, add an alert recipient."
    first_step_needs = ("integrations.add_alertrecipient",)
    list_display = ("what", "state", "whose", "members_count", "began", "ended")
    list_filter = (OpenAlertFilter, "kind", OrganisationFilter)
    organisation_path = "organisation"
    list_select_related = ("organisation",)
    search_fields = ("organisation__name", "members__label")
    search_help_text = "Outlet, organisation"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        rows = super().get_queryset(request).annotate(member_count=Count("members", distinct=True))
        return rows.filter(notified_at__isnull=False)

    @admin.display(description="alert", ordering="kind")
    def what(self, alert: Alert) -> str:
        return alert.get_kind_display()

    @admin.display(ordering="ended_at")
    def state(self, alert: Alert) -> SafeString:
        return badge(alert)

    @admin.display(description="organisation", ordering="organisation__name")
    def whose(self, alert: Alert) -> str:
        return str(alert.organisation or "–")

    @admin.display(description="affected", ordering="member_count")
    def members_count(self, alert: Alert) -> int:
        count: int = alert.member_count  # type: ignore[attr-defined]
        return count

    @admin.display(ordering="since")
    def began(self, alert: Alert) -> SafeString | str:
        return ago(alert.since, shared_now())

    @admin.display(description="ended", ordering="ended_at")
    def ended(self, alert: Alert) -> SafeString | str:
        return ago(alert.ended_at, shared_now())

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"mail_is_on": mailing.is_on(), **(extra_context or {})})

    def page_of(self, request: HttpRequest, row: Alert) -> dict[str, object]:
        """Return the context of an alert's page: what it affects, and the e-mails that reported it."""
        return {
            "title": str(row),
            "alert": row,
            "badge": badge(row),
            "members": list(row.members.order_by("ended_at", "label")[:MEMBERS]),
            **_mails(request, row),
            "mail_is_on": mailing.is_on(),
        }


def _mails(request: HttpRequest, alert: Alert) -> dict[str, object]:
    """Return the alert's e-mails whose recipients this person may see, and the number of its other e-mails.

    A person with access to all organisations also sees e-mails to an address that no longer gets alerts.
    """
    every = list(alert.mails.order_by("pk")[:MEMBERS])
    recipients = site.get_model_admin(AlertRecipient)
    if not recipients.has_view_or_change_permission(request):
        return {"mails": [], "other_mails": len(every)}
    if not scope.is_limited(request.user):
        return {"mails": every, "other_mails": 0}
    seen = {email.lower() for email in recipients.get_queryset(request).values_list("email", flat=True)}
    shown = [mail for mail in every if mail.recipient.lower() in seen]
    return {"mails": shown, "other_mails": len(every) - len(shown)}


@admin.register(AlertRecipient)
class AlertRecipientAdmin(PortalAdmin[AlertRecipient]):
    """The recipients of alerts by e-mail."""

    menu_group = MenuGroup.ALERTS
    menu_position = 20
    when_empty = "No alert recipients yet. They get alerts by e-mail, of one organisation or of all."
    first_step = "Add the first."
    list_display = ("email", "whose")
    list_filter = (OrganisationFilter,)
    organisation_path = "organisation"
    list_select_related = ("organisation",)
    search_fields = ("email", "organisation__name")
    search_help_text = "E-mail address, organisation"
    autocomplete_fields = ("organisation",)
    fields = ("email", "organisation")

    @admin.display(description="alerts of", ordering="organisation__name")
    def whose(self, recipient: AlertRecipient) -> str:
        return str(recipient.organisation or "all organisations")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"mail_is_on": mailing.is_on(), **(extra_context or {})})

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        return super().formfield_for_foreignkey(db_field, request, empty_label=no_organisation(request.user), **kwargs)

    def get_form(self, request: HttpRequest, obj: AlertRecipient | None = None, *args: Any, **kwargs: Any) -> Any:
        """Return the form; a person who is limited to some organisations must choose one of them."""
        base = super().get_form(request, obj, *args, **kwargs)

        class Limited(base):  # type: ignore[misc, valid-type]
            def clean_organisation(self) -> Any:
                chosen = self.cleaned_data["organisation"]
                if scope.is_limited(request.user) and (chosen is None or not scope.may_see(request.user, chosen)):
                    raise ValidationError("Choose one of the organisations that you may see.")
                return chosen

        return Limited

    def save_model(
        self,
        request: HttpRequest,
        obj: AlertRecipient,
        form: ModelForm[AlertRecipient],  # noqa: ARG002
        change: Any,  # noqa: ARG002
    ) -> None:
        alert_recipients.save_recipient(obj, actor=actor_of(request))

    def delete_model(self, request: HttpRequest, obj: AlertRecipient) -> None:
        alert_recipients.remove_recipient(obj, actor=actor_of(request))


def badge(alert: Alert) -> SafeString:
    """Return a badge that says whether an alert is open or has ended."""
    return marked("Open", "refused") if alert.ended_at is None else marked("Ended", "ended")
