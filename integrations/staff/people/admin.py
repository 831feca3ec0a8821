"""Pages about the provider's staff: who can sign in, and each person's role and access."""

from http import HTTPStatus
from typing import Any, cast

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from integrations.models.clock import shared_now
from integrations.services.people import identities, people, second_factors
from integrations.services.people.groups import PORTAL_GROUPS, role_in
from integrations.staff.base.admin import FOR_ALL, PortalAdmin
from integrations.staff.base.menu import MenuGroup
from integrations.staff.base.presentation import ago
from integrations.staff.people.actions import ResetSecondFactors, UnlinkIdentity
from integrations.staff.people.forms import NO_ROLE, AddPersonForm, RoleForm, other_groups
from integrations.staff.signing_in import proof, typed
from integrations.staff.signing_in.actors import actor_of

ACCESS = "Role and organisations"
MOST_NAMED = 10  # the list names at most this many organisations of each person
_GROUPS = "_groups_of_role_filter"  # the name of the request's attribute that caches the groups
YOURSELF = (
    "This is your own account. Only a colleague can change it. To change your password or your second factors, open "
    '<a href="{}">How you sign in</a>.'
)
ONLY_YOU = (
    "You are the only one here. The colleagues who may sign in appear in this list, each with a role and the "
    "organisations that they see."
)

for _model in (User, Group, EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken, UserSession):
    if admin.site.is_registered(_model):
        # The pages of Django and allauth bypass the services, and offer single permissions instead of roles.
        admin.site.unregister(_model)


class AsksForProof:
    """Makes an admin class require a recent proof of identity, because its forms grant and remove permissions."""

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any) -> Any:
        may_write = self._may_write(request, object_id)
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
        fields: typed.Fields = self.get_form(request, row, change=bool(object_id))(instance=row).fields
        return fields

    def _may_write(self, request: HttpRequest, object_id: str | None) -> bool:
        if object_id is None:
            return bool(self.has_add_permission(request))  # type: ignore[attr-defined]
        is_own = object_id == str(request.user.pk)  # a person cannot change their own row
        return not is_own and bool(self.has_change_permission(request))  # type: ignore[attr-defined]


def _filled_in(base: Any, values: dict[str, Any]) -> Any:
    class FilledIn(base):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.initial.update(values)

    return FilledIn


class RoleFilter(admin.RelatedFieldListFilter):
    """Filters by role, or by another group that was created for this installation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "role"
        self.empty_value_display = SafeString("No role")

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        """Return the groups. They are read once per request, although a request creates this filter several times."""
        if not hasattr(request, _GROUPS):
            setattr(request, _GROUPS, super().field_choices(field, request, model_admin))
        return getattr(request, _GROUPS)


def _access_fields(request: HttpRequest) -> tuple[str, ...]:
    """Return the fields for role and access. If "no role" was chosen, they include a checkbox that confirms it."""
    asks = ("without_role",) if request.POST.get("role") == NO_ROLE else ()
    others = ("other_groups",) if other_groups(cast("User", request.user)) else ()
    return ("role", *asks, *others, "is_limited", "organisations")


# The lists, titles and messages of Django's admin use these names.
User._meta.verbose_name, User._meta.verbose_name_plural = "person", "people"


@admin.register(User)
class PersonAdmin(AsksForProof, PortalAdmin[User], UserAdmin):  # type: ignore[type-arg]
    """People are added, changed and disabled. They are never deleted, because audit events refer to them.

    The list includes the signed-in person, whom only a colleague can change.
    """

    menu_group = MenuGroup.PEOPLE
    organisation_path = FOR_ALL  # services/people/people.py has the rules for seeing and changing people
    limited_may_change = True
    change_list_template = "staff/people/list.html"
    when_empty = ONLY_YOU
    form = RoleForm
    add_form = AddPersonForm
    list_display = ("user_name", "name", "may", "sees", "active", "address", "second_factor", "last_seen")
    list_filter = ("is_active", ("groups", RoleFilter))
    filter_horizontal = ()
    filter_vertical = ()
    ordering = ("username",)
    fieldsets = (
        (None, {"fields": ("username", "first_name", "last_name", "email", "is_active")}),
        (ACCESS, {"fields": ()}),
        ("Sign-in", {"fields": ("second_factor", "linked", "last_seen")}),
    )
    readonly_fields = ("second_factor", "linked", "last_seen")
    add_fieldsets: Any = (
        (None, {"fields": ("username", "usable_password", "password1", "password2")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        (ACCESS, {"fields": ()}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        rows = (
            super()
            .get_queryset(request)
            .select_related("staff_limit")
            .prefetch_related("groups", "staff_limit__organisations", "authenticator_set", "socialaccount_set")
        )
        is_self = ExpressionWrapper(Q(pk=request.user.pk), output_field=BooleanField())
        return rows.filter(pk__in=people.visible(cast("User", request.user)).values("pk")).annotate(is_self=is_self)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return obj != request.user and super().has_change_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Return the fieldsets; a viewer without the permission to change the person gets role and access as text."""
        may_change = obj is None or self.has_change_permission(request, obj)
        access: dict[str, Any] = {"fields": _access_fields(request) if may_change else ("may", "sees")}
        if obj == request.user:
            access["description"] = format_html(YOURSELF, reverse("mfa_index"))
        fieldsets = super().get_fieldsets(request, obj)
        return [(title, access if title == ACCESS else shown) for title, shown in fieldsets]

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"giver": request.user})

    def get_urls(self) -> list[URLPattern]:
        reset = self.admin_site.admin_view(ResetSecondFactors.as_view())
        unlink = self.admin_site.admin_view(UnlinkIdentity.as_view())
        return [
            path("<int:pk>/reset-second-factors/", reset, name="auth_user_reset_factors"),
            path("<int:pk>/identities/<int:identity>/unlink/", unlink, name="auth_user_unlink_identity"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "People", **(extra_context or {})})

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:  # noqa: ARG002
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: Any) -> None:  # noqa: ARG002
        if not obj.pk and not form.cleaned_data.get("set_usable_password", True):
            obj.set_unusable_password()
        people.save_person(obj, access=form.access(), giver=cast("User", request.user), actor=actor_of(request))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """Do nothing, because save_model has saved the groups with the person."""

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        if asked := proof.ask_if_stale(request):
            return asked
        if request.method != "POST":
            return super().user_change_password(request, id, form_url)
        with transaction.atomic():
            response = super().user_change_password(request, id, form_url)
            if response.status_code == HTTPStatus.FOUND and (person := self.get_object(request, id)):
                people.password_was_set(person, actor=actor_of(request))
        return response

    @admin.display(description="user name", ordering="username")
    def user_name(self, person: User) -> str:
        return person.username

    @admin.display(description="e-mail address", ordering="email")
    def address(self, person: User) -> str:
        return person.email

    @admin.display(description="name")
    def name(self, person: User) -> str:
        words = [person.get_full_name(), "(you)" if getattr(person, "is_self", False) else ""]
        return " ".join(each for each in words if each) or "–"

    @admin.display(description="role")
    def may(self, person: User) -> str:
        if person.is_superuser:
            return "everything (superuser)"
        role = role_in(person.groups.all())
        others = sorted(group.name for group in person.groups.all() if group.name not in PORTAL_GROUPS)
        return ", ".join([*([role.label] if role else []), *others]) or "No role yet"

    @admin.display(description="access")
    def sees(self, person: User) -> str:
        limit = getattr(person, "staff_limit", None)
        if limit is None:
            return "all organisations"
        names = [each.name for each in limit.organisations.all()]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        return ", ".join(names[:MOST_NAMED]) + more or "none"

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
            for each in sorted(person.socialaccount_set.all(), key=lambda each: (each.date_joined, each.pk))  # type: ignore[attr-defined]
        ]
        return format_html_join("", "<div>{}: {}, linked {}, last used {}</div>", lines) or "none"

    @admin.display(description="signed in", ordering="last_login")
    def last_seen(self, person: User) -> SafeString | str:
        return ago(person.last_login, shared_now()) if person.last_login else "never"
