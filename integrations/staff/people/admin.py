"""Pages about the provider's staff: who can sign in, and each person's role and access."""

from http import HTTPStatus
from typing import Any, cast

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from integrations.models.clock import shared_now
from integrations.services.people import identities, people, second_factors
from integrations.staff.base.admin import FOR_ALL, PortalAdmin
from integrations.staff.base.presentation import ago
from integrations.staff.people.acts import ResetSecondFactors, UnlinkIdentity
from integrations.staff.people.forms import AddPersonForm, RoleForm
from integrations.staff.signing_in import proof, typed
from integrations.staff.signing_in.actors import actor_of

for _model in (User, Group, EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)  # Django's and allauth's own pages would bypass the services


class AsksForProof:
    """Makes an admin class require a recent proof of identity, because its forms decide about permissions."""

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any) -> Any:
        may_write = self.has_change_permission(request) if object_id else self.has_add_permission(request)  # type: ignore[attr-defined]
        asked = proof.ask_if_stale(request, self._fields(request, object_id)) if may_write else None
        return asked or super().changeform_view(request, object_id, *args, **kwargs)  # type: ignore[misc]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form, filled in with the values typed before the person confirmed their identity."""
        base = super().get_form(request, obj, change=change, **kwargs)  # type: ignore[misc]
        values = typed.recalled(request)
        return _filled_in(base, values) if values else base

    def _fields(self, request: HttpRequest, object_id: str | None) -> typed.Fields:
        """Return the fields of a posted form, or {} for a GET."""
        if request.method != "POST":
            return {}
        row = self.get_object(request, object_id) if object_id else None  # type: ignore[attr-defined]
        fields: typed.Fields = self.get_form(request, row, change=bool(object_id)).base_fields
        return fields

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return proof.ask_if_stale(request) or super().delete_view(request, *args, **kwargs)  # type: ignore[misc]


def _filled_in(base: Any, values: dict[str, Any]) -> Any:
    class FilledIn(base):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.initial.update(values)

    return FilledIn


@admin.register(User)
class PersonAdmin(AsksForProof, PortalAdmin[User], UserAdmin):  # type: ignore[type-arg]
    """People are added, changed and switched off; never deleted, since the audit speaks of them."""

    organisation_path = FOR_ALL  # services/people/people.py has the rules for seeing and changing people
    changed_by_limited = True
    when_empty = "No people yet. The colleagues who may sign in appear here. Add the first one and choose a role."
    form = RoleForm
    add_form = AddPersonForm
    list_display = ("username", "name", "email", "may", "sees", "active", "second_factor", "last_seen")
    list_filter = ("is_active", "groups")
    filter_horizontal = ()
    filter_vertical = ()
    ordering = ("username",)
    fieldsets = (
        (None, {"fields": ("username", "first_name", "last_name", "email", "is_active")}),
        ("Role", {"fields": ("groups",)}),
        ("Access", {"fields": ("is_limited", "organisations")}),
        ("Sign-in", {"fields": ("second_factor", "linked", "last_seen")}),
    )
    readonly_fields = ("second_factor", "linked", "last_seen")
    add_fieldsets = (
        (None, {"fields": ("username", "usable_password", "password1", "password2")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Role", {"fields": ("groups",)}),
        ("Access", {"fields": ("is_limited", "organisations")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        rows = (
            super()
            .get_queryset(request)
            .prefetch_related("groups", "staff_limit__organisations", "authenticator_set", "socialaccount_set")
        )
        return rows.filter(pk__in=people.manageable(cast("User", request.user)).values("pk"))

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Return the fieldsets; a viewer without the permission to change the person gets the access as text."""
        if obj is None or self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        return [(title, {"fields": ("sees",)} if title == "Access" else shown) for title, shown in self.fieldsets]

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"giver": request.user})

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["widget"] = forms.CheckboxSelectMultiple
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None:
            field.help_text = "What this person may do. The portal's own roles: viewer, operator, administrator."
        return field

    def get_urls(self) -> list[URLPattern]:
        reset = self.admin_site.admin_view(ResetSecondFactors.as_view())
        unlink = self.admin_site.admin_view(UnlinkIdentity.as_view())
        return [
            path("<int:pk>/reset-second-factors/", reset, name="auth_user_reset_factors"),
            path("<int:pk>/identities/<int:identity>/unlink/", unlink, name="auth_user_unlink_identity"),
            *super().get_urls(),
        ]

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:  # noqa: ARG002
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: Any) -> None:  # noqa: ARG002
        if not obj.pk and not form.cleaned_data.get("set_usable_password", True):
            obj.set_unusable_password()
        people.save_person(obj, access=form.access(), giver=cast("User", request.user), actor=actor_of(request))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """Do nothing: save_model has saved the groups with the person."""

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        if asked := proof.ask_if_stale(request):
            return asked
        with transaction.atomic():
            response = super().user_change_password(request, id, form_url)
            if response.status_code == HTTPStatus.FOUND and (person := self.get_object(request, id)):
                people.password_was_set(person, actor=actor_of(request))
        return response

    @admin.display(description="name")
    def name(self, person: User) -> str:
        return person.get_full_name() or "–"

    @admin.display(description="role")
    def may(self, person: User) -> str:
        if person.is_superuser:
            return "everything (superuser)"
        return ", ".join(group.name for group in person.groups.all()) or "none yet"

    @admin.display(description="access")
    def sees(self, person: User) -> str:
        limit = getattr(person, "staff_limit", None)
        if limit is None:
            return "all organisations"
        return ", ".join(each.name for each in limit.organisations.all()) or "none"

    @admin.display(description="active", boolean=True, ordering="is_active")
    def active(self, person: User) -> bool:
        return person.is_active

    @admin.display(description="second factor")
    def second_factor(self, person: User) -> str:
        return ", ".join(second_factors.shown(person)) or "none"

    @admin.display(description="linked identities")
    def linked(self, person: User) -> SafeString | str:
        now = shared_now()
        lines = [
            (settings.OIDC_NAME, identities.in_words(each), ago(each.date_joined, now), ago(each.last_login, now))
            for each in identities.identities_of(person)
        ]
        return format_html_join("", "<div>{}: {}, linked {}, last used {}</div>", lines) or "none"

    @admin.display(description="signed in", ordering="last_login")
    def last_seen(self, person: User) -> SafeString | str:
        return ago(person.last_login, shared_now()) if person.last_login else "never"


@admin.register(Group)
class OwnGroupAdmin(AsksForProof, PortalAdmin[Group], GroupAdmin):  # type: ignore[misc]
    """Groups other than the portal's three. For superusers only: changing a group can change one's own rights."""

    organisation_path = FOR_ALL
    when_empty = "No groups yet. A group is a role: its members have its permissions. Add the first one."
    actions = None  # a group is deleted on its own page, which requires a proof of identity
    filter_horizontal = ()  # a screen reader cannot tell Django's two lists apart

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    has_add_permission = has_module_permission

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:  # noqa: ARG002
        return self.has_module_permission(request)

    has_view_permission = has_delete_permission = has_change_permission
