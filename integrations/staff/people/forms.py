"""The forms of a person: who they are, what they may do, and which organisations they see."""

from collections.abc import Iterator
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AdminUserCreationForm, SetUnusablePasswordMixin
from django.contrib.auth.models import Group, User
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.models import Organisation, StaffLimit
from integrations.models.fields.texts import NameField
from integrations.services.people import people, scope
from integrations.services.people.groups import PORTAL_GROUPS, Role, role_in
from integrations.services.people.people import Access
from integrations.staff.base.choices import RowsField, search_if_many, tick

LABELS = {"username": "User name", "email": "E-mail address"}
ERRORS = {
    "username": {
        "unique": "A person with this user name already exists. Choose another one.",
        "invalid": "Use only letters, digits and the characters @ . + - _ in a user name.",
    }
}
_READ = "_grantable"  # the name of the user object's attribute that caches the groups
NO_ROLE = "none"
ROLE_LABEL = "<strong>{}</strong> <span>{}</span>"
WITHOUT_ROLE = (
    "Nothing was saved. A person without a role can sign in, but cannot open any page except their own settings. "
    "Choose a role, or tick the box below to save the person without one."
)


def other_groups(giver: User) -> list[Group]:
    """Return the groups, except the portal's own, that `giver` may give to others."""
    return [group for group in _grantable(giver) if group.name not in PORTAL_GROUPS]


def _grantable(giver: User) -> list[Group]:
    """Return the groups that `giver` may give to others, sorted by name. They are read once per user object."""
    if not hasattr(giver, _READ):
        setattr(giver, _READ, list(people.grantable(giver).order_by("name")))
    groups: list[Group] = getattr(giver, _READ)
    return groups


class RoleForm(forms.ModelForm[User]):
    """A person's role and access. Offers only roles, groups and organisations that the signed-in person has."""

    giver: User
    role = forms.ChoiceField(widget=forms.RadioSelect, error_messages={"required": "Choose a role."})
    without_role = forms.BooleanField(label="Save this person without a role", required=False)
    other_groups = RowsField(
        Group.objects.none(),
        label="Other groups",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Groups that were created for this installation, in addition to the role.",
    )
    is_limited = forms.BooleanField(
        label="Limited to some organisations",
        required=False,
        help_text="If unticked, this person sees all organisations, including ones added later.",
    )
    organisations = RowsField(
        Organisation.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="If the box above is ticked and no organisation is chosen here, this person sees no outlets.",
    )

    class Meta:
        labels = LABELS
        error_messages = ERRORS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "is_active" in self.fields:
            self.fields["is_active"].help_text = "If unticked, this person cannot sign in. People are never deleted."
        self._offer_roles()
        self._offer_other_groups()
        limits = cast("forms.ModelMultipleChoiceField[Organisation]", self.fields["organisations"])
        limits.queryset = people.visible_organisations(self.giver)
        search_if_many(limits, StaffLimit._meta.get_field("organisations"))
        self._show_present_limit()
        if scope.is_limited(self.giver):
            self.fields["is_limited"].initial = True
            self.fields["is_limited"].disabled = True

    def access(self) -> Access:
        """Return the groups and organisations that the person gets. Call only on a valid form."""
        values = self.cleaned_data
        chosen = people.grantable(self.giver).filter(name=values["role"])
        groups = [*chosen, *values.get("other_groups", ())]
        return Access(groups, values["organisations"] if values["is_limited"] else None)

    def clean_username(self) -> str:
        """Refuse a name that another person has in any letter case, because then neither could sign in."""
        name = self._plain_name("username")
        others = User.objects.filter(username__iexact=name).exclude(pk=self.instance.pk)
        if "username" in self.changed_data and others.exists():
            raise forms.ValidationError(ERRORS["username"]["unique"])
        return name

    def clean_first_name(self) -> str:
        return self._plain_name("first_name")

    def clean_last_name(self) -> str:
        return self._plain_name("last_name")

    def _plain_name(self, field: str) -> str:
        """Check a name by the rule for all names of the portal. A name that was stored earlier may stay as it is."""
        text: str = self.cleaned_data[field]
        return NameField(blank=True).clean(text, None) if field in self.changed_data else text

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("organisations") and not values.get("is_limited"):
            self.add_error("is_limited", "Tick this box, or choose no organisations below.")
        if self._is_left_without_role(values) and not values.get("without_role"):
            self.add_error("role", WITHOUT_ROLE)
        return values

    def _is_left_without_role(self, values: dict[str, Any]) -> bool:
        if self.instance.is_superuser or not values.get("is_active", True):
            return False  # a superuser needs no role, and a disabled person cannot sign in
        return values.get("role") == NO_ROLE and not values.get("other_groups")

    def _offer_roles(self) -> None:
        offered = cast("forms.ChoiceField", self.fields["role"])
        offered.choices = list(_choices(self.giver))
        if self.instance.pk:
            offered.initial = role_in(self.instance.groups.all()) or NO_ROLE
        if settings.OIDC_GROUPS_CLAIM:
            offered.help_text = f"The role of a person who signs in with {settings.OIDC_NAME} is set at each sign-in."

    def _offer_other_groups(self) -> None:
        offered = cast("forms.ModelMultipleChoiceField[Group]", self.fields["other_groups"])
        offered.queryset = people.grantable(self.giver).exclude(name__in=PORTAL_GROUPS)
        tick(offered, other_groups(self.giver))
        if self.instance.pk:
            offered.initial = [group for group in self.instance.groups.all() if group.name not in PORTAL_GROUPS]

    def _show_present_limit(self) -> None:
        limit = getattr(self.instance, "staff_limit", None) if self.instance.pk else None
        self.fields["is_limited"].initial = limit is not None
        self.fields["organisations"].initial = limit.organisations.all() if limit else []


class AddPersonForm(RoleForm, AdminUserCreationForm[User]):
    """Adds a person. The person needs no password if they sign in only with OpenID Connect."""

    usable_password = SetUnusablePasswordMixin.create_usable_password_field(
        "Choose “Disabled” if the person signs in with OpenID Connect only."
    )

    class Meta(AdminUserCreationForm.Meta):
        labels = LABELS
        error_messages = ERRORS


def _choices(giver: User) -> Iterator[tuple[str, SafeString]]:
    given = {group.name for group in _grantable(giver)}
    for role in Role:
        if role.value in given:
            yield role.value, format_html(ROLE_LABEL, role.label, role.sentence)
    yield NO_ROLE, format_html(ROLE_LABEL, "No role", "Can sign in, but cannot open any page.")
