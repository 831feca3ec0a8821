"""Base classes of the portal's admin classes."""

from typing import Any, ClassVar, TypeVar

from django.contrib import messages
from django.contrib.admin import ModelAdmin, ShowFacets, site
from django.contrib.admin.exceptions import DisallowedModelAdminToField
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.db.models import Field, ForeignKey, ManyToManyField, Model, QuerySet
from django.forms import EmailField, Media, ModelChoiceField, ModelForm, ModelMultipleChoiceField
from django.forms import Field as FormField
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst

from integrations.services.errors import PortalError
from integrations.services.people import scope
from integrations.staff.base.choices import RowField, RowSelect, RowsField
from integrations.staff.base.forms import words_of
from integrations.staff.base.lookups import ListParameters, LookupRefused, check_key, check_list, check_value
from integrations.staff.base.menu import LAST_IN_MENU, MenuGroup
from integrations.text.characters import normalised_name

Row = TypeVar("Row", bound=Model)
SAVE_AS_NEW = "_saveasnew"  # a Django button that no form of the portal has, but that Django accepts in a POST
# Django's scripts for forms, without its scripts for prepopulated fields. No form of the portal has such fields, and
# their scripts would make up a third of a page's bytes.
SCRIPTS = ("vendor/jquery/jquery.min.js", "jquery.init.js", "core.js", "admin/RelatedObjectLookups.js")
LIST_TEMPLATE = "staff/base/list.html"
REFUSAL = "portal_refusal"  # attribute of a request: the PortalError of a service that refused the form's values
TAKEN = "Another {} has this {}. Choose another one."
# The organisation_path of rows that belong to no organisation. All staff may see these rows, but only unlimited staff
# may change them, except where limited_may_change is set.
FOR_ALL = ""


class PortalAdmin(ListParameters, ModelAdmin[Row]):
    """A list of the portal.

    `when_empty` is the text in an empty list. It names the rows that appear there. `first_step` follows it for people
    who may take that step: those with the permissions `first_step_needs` or, if there are none, those who may add a
    row.

    Limited staff see only the rows of some organisations: `organisation_path` is the lookup from a row to its
    organisation. If it is None, limited staff see no rows.
    """

    menu_group: ClassVar[MenuGroup] = MenuGroup.OTHER
    menu_position: ClassVar[int] = LAST_IN_MENU  # order of the lists in their group, lowest first
    organisation_path: ClassVar[str | None] = None
    # Whether limited staff may change the rows if organisation_path is FOR_ALL. A service must then check each change.
    limited_may_change: ClassVar[bool] = False
    is_live: ClassVar[bool] = False  # the list refreshes automatically
    prefilled: ClassVar[tuple[str, ...]] = ()  # fields of the add form that a link of the portal may fill in
    when_empty = ""
    first_step: ClassVar[str] = ""
    first_step_needs: ClassVar[tuple[str, ...]] = ()
    actions = None
    show_facets = ShowFacets.NEVER  # the counts beside the values of a filter would need queries of all rows
    show_full_result_count = False  # the full count would need another query, of all rows without filters and search
    empty_value_display = "–"
    list_per_page = 50

    @property
    def media(self) -> Media:
        return Media(js=[f"admin/js/{name}" for name in SCRIPTS])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Row]:
        rows = super().get_queryset(request)
        if self.organisation_path == FOR_ALL or not scope.is_limited(request.user):
            return rows
        return scope.limit(rows, request.user, self.organisation_path) if self.organisation_path else rows.none()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Row], search_term: str
    ) -> tuple[QuerySet[Row], bool]:
        """Normalise the search term in the same way as stored names. A pasted term can contain invisible characters."""
        return super().get_search_results(request, queryset, normalised_name(search_term))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may_change_rows(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return self._may_change_rows(request) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return self._may_change_rows(request) and super().has_delete_permission(request, obj)

    def _may_change_rows(self, request: HttpRequest) -> bool:
        """Return whether this user may change these rows. Limited staff may not change rows that all staff see."""
        is_for_all = self.organisation_path == FOR_ALL and not self.limited_may_change
        return not (is_for_all and scope.is_limited(request.user))

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> FormField | None:
        """Return the field without Django's buttons that add or change a related row. Those buttons need scripts."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        if isinstance(field, EmailField):
            field.error_messages["invalid"] = "Enter a valid e-mail address."
        if field is not None and db_field.unique:
            field.error_messages.setdefault("unique", TAKEN.format(self.opts.verbose_name, db_field.verbose_name))
        return field

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        """Offer and accept only rows that this person may see."""
        kwargs.setdefault("form_class", RowField)
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", RowSelect(db_field, self.admin_site, using=kwargs.get("using")))
        if site.is_registered(db_field.related_model):
            kwargs["queryset"] = site.get_model_admin(db_field.related_model).get_queryset(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(
        self, db_field: "ManyToManyField[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelMultipleChoiceField[Any] | None":
        return super().formfield_for_manytomany(db_field, request, **{"form_class": RowsField, **kwargs})

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return the list that the URL asks for. Raises LookupRefused for parameters that the list does not have."""
        check_list(self, request)
        try:
            return super().get_changelist_instance(request)
        except (IncorrectLookupParameters, DisallowedModelAdminToField) as error:
            raise LookupRefused("The list has no such page, or a filter has no such value.") from error

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
            check_key(self.model, key)
        return super().response_action(request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        title = capfirst(self.opts.verbose_name_plural)
        scripts = Media(js=["admin/js/actions.js"] if self.actions else [])  # Django's other scripts are for forms
        ours = {"title": title, "fragment": LIST_TEMPLATE if self.is_live else "", "media": scripts}
        step = {"first_step": self.first_step if self._may_take_first_step(request) else ""}
        return super().changelist_view(request, {**ours, **step, **(extra_context or {})})

    def _may_take_first_step(self, request: HttpRequest) -> bool:
        needs = self.first_step_needs
        return request.user.has_perms(needs) if needs else self.has_add_permission(request)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return initial values from the URL, only for the fields in `prefilled`."""
        initial = {name: request.GET[name] for name in self.prefilled if name in request.GET}
        for name, value in initial.items():
            field: Any = self.opts.get_field(name)
            check_value(field.target_field if field.is_relation else field, value)
        return initial

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if SAVE_AS_NEW in request.POST:
            posted = request.POST.copy()
            del posted[SAVE_AS_NEW]
            request.POST = posted  # type: ignore[assignment]
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except PortalError as refusal:
            setattr(request, REFUSAL, refusal)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(
        self, request: HttpRequest, obj: Row | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[Row]]:
        """Return the form's class. If a service has refused its values, the form has this refusal as an error."""
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal: PortalError | None = getattr(request, REFUSAL, None)
        return _refused(form, refusal) if refusal else form

    def history_view(
        self,
        request: HttpRequest,  # noqa: ARG002
        object_id: str,
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        """Redirect to the row's page. Django's history would be empty, because the portal has its own audit events."""
        return HttpResponseRedirect(
            reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=(object_id,))
        )

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Handle the request as Django does, but redirect with a message if a service refuses to delete the row."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except PortalError as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(request.path)


class PageAdmin(PortalAdmin[Row]):
    """A list whose rows have a page of the portal instead of Django's form.

    `page` is the template, rendered with the context from `page_of`. If `page` is empty, Django's form is shown.
    """

    page: ClassVar[str] = ""

    def page_of(self, request: HttpRequest, row: Row) -> dict[str, object]:
        """Return the context of a row's page. A class with a `page` implements this."""
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.page:
            return super().change_view(request, object_id, form_url, extra_context)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        row = self.get_object(request, object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined, no-any-return]
        context = {**self.admin_site.each_context(request), **self.page_of(request, row), "opts": self.opts}
        return TemplateResponse(request, self.page, context)


class ReadOnlyAdmin(PageAdmin[Row]):
    """A read-only list for staff with the view permission."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:  # noqa: ARG002
        return False


def warn_of_near_name(request: HttpRequest, form: ModelForm[Any], warning: str) -> None:
    """Add a warning message if the name that was just saved is easily confused with another."""
    if warning and {"name", "organisation"} & set(form.changed_data):
        messages.warning(request, warning)


def _refused(form: type[ModelForm[Row]], refusal: PortalError) -> type[ModelForm[Row]]:
    """Return a form that is never valid, because a service has refused its values."""

    class RefusedForm(form):  # type: ignore[misc, valid-type]
        def clean(self) -> None:
            super().clean()
            field = refusal.field if refusal.field in self.fields else None
            self.add_error(field, words_of(refusal, is_at_field=field is not None))

    return RefusedForm
