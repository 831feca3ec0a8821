"""The forms of a person: who they are, what they may do, and which organisations they see."""

from typing import Any, cast

from django import forms
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group, User

from integrations.models import Organisation
from integrations.services.people import people, scope
from integrations.services.people.people import Access
from integrations.staff.base.choices import RowsField


class RoleForm(forms.ModelForm[User]):
    """A person's role and access. Offers only groups and organisations that the signed-in person has."""

    giver: User
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "groups" in self.fields:  # absent when the viewer may not change the person
            offered = cast("forms.ModelMultipleChoiceField[Group]", self.fields["groups"])
            offered.queryset = people.grantable(self.giver)
        limits = cast("forms.ModelMultipleChoiceField[Organisation]", self.fields["organisations"])
        limits.queryset = people.visible_organisations(self.giver)
        self._show_present_limit()
        if scope.is_limited(self.giver):
            self.fields["is_limited"].initial = True
            self.fields["is_limited"].disabled = True

    def access(self) -> Access:
        values = self.cleaned_data
        return Access(values["groups"], values["organisations"] if values["is_limited"] else None)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("organisations") and not values.get("is_limited"):
            self.add_error("is_limited", "Tick this box, or choose no organisations below.")
        return values

    def _show_present_limit(self) -> None:
        limit = getattr(self.instance, "staff_limit", None) if self.instance.pk else None
        self.fields["is_limited"].initial = limit is not None
        self.fields["organisations"].initial = limit.organisations.all() if limit else []


class AddPersonForm(RoleForm, AdminUserCreationForm[User]):
    """A new person, with a password, or without one if they sign in with OpenID Connect."""
