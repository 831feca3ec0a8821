from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from integrations.models import AlertRecipient, ApiKey, Organisation, WebhookEndpoint
from integrations.models.clock import shared_now
from integrations.services.outlets import near_names, outlets
from integrations.services.people import scope
from integrations.staff.base.admin import PortalAdmin, warn_of_near_name
from integrations.staff.base.menu import MenuGroup
from integrations.staff.base.presentation import ago
from integrations.staff.signing_in.actors import actor_of


@admin.register(Organisation)
class OrganisationAdmin(PortalAdmin[Organisation]):
    """The provider's customers."""

    menu_group = MenuGroup.OUTLETS
    menu_position = 20
    when_empty = "No organisations yet. An organisation is one of your customers: a restaurant or a chain of them."
    first_step = "Add the first one, then add its outlets."
    organisation_path = "pk"
    list_display = ("name", "outlets", "created")
    search_fields = ("name",)
    # Autocompletion needs an ordering. Django ignores Meta.ordering in get_queryset's query, because it counts outlets.
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name",)}),
        ("Alerts", {"fields": ("opening_hours", "time_zone"), "classes": ("collapse",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organisation]:
        return super().get_queryset(request).annotate(outlet_count=Count("outlets"))

    @admin.display(ordering="outlet_count")
    def outlets(self, organisation: Organisation) -> SafeString:
        url = reverse("admin:integrations_outlet_changelist", query={"organisation": organisation.pk})
        count: int = organisation.outlet_count  # type: ignore[attr-defined]
        words = f"{count} outlet" if count == 1 else f"{count} outlets"
        return format_html('<a href="{}">{}</a>', url, words)

    @admin.display(ordering="created_at")
    def created(self, organisation: Organisation) -> SafeString | str:
        return ago(organisation.created_at, shared_now())

    def has_add_permission(self, request: HttpRequest) -> bool:
        # A person limited to some organisations would not see the new one.
        return not scope.is_limited(request.user) and super().has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Organisation | None = None) -> bool:
        is_free = obj is None or not obj.outlets.exists()
        return is_free and super().has_delete_permission(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return the records that are deleted with the organisations, and those that prevent the deletion.

        Only alert recipients are deleted with an organisation. Django's own method would list every record of the
        organisations, and refuse the deletion because staff may not delete some of these records.
        """
        of_these: dict[str, Any] = {"organisation__in": objs}
        recipients = list(AlertRecipient.objects.filter(**of_these).values_list("email", flat=True))
        needed = set()
        if recipients and not self.admin_site.get_model_admin(AlertRecipient).has_delete_permission(request):
            needed.add(AlertRecipient._meta.verbose_name)
        preventing: list[QuerySet[Any]] = [QuerySet(ApiKey), QuerySet(WebhookEndpoint)]
        protected = [
            f"{capfirst(str(rows.model._meta.verbose_name))}: {row}"
            for rows in preventing
            for row in rows.filter(**of_these)
        ]
        counts = {self.opts.verbose_name_plural: len(objs)}
        if recipients:
            counts[AlertRecipient._meta.verbose_name_plural] = len(recipients)
        return [*map(str, objs), recipients], counts, needed, protected

    def save_model(
        self,
        request: HttpRequest,
        obj: Organisation,
        form: ModelForm[Organisation],
        change: Any,  # noqa: ARG002
    ) -> None:
        others = self.get_queryset(request).exclude(pk=obj.pk).values_list("name", flat=True)
        warning = near_names.warning_about(obj.name, others)
        outlets.save_organisation(obj, actor=actor_of(request))
        warn_of_near_name(request, form, warning)

    def delete_model(self, request: HttpRequest, obj: Organisation) -> None:
        outlets.delete_organisation(obj, actor=actor_of(request))
