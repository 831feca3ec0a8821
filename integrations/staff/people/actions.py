"""Actions on how a colleague signs in: reset second factors, unlink an identity."""

from typing import Any, cast

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.http import Http404, HttpResponse
from django.urls import reverse

from integrations.services.errors import PortalError
from integrations.services.people import people, second_factors, unlinking
from integrations.services.people.errors import NoSecondFactor, NotLinked
from integrations.services.people.identities import identities_of, in_words
from integrations.services.people.unlinking import Prospect
from integrations.staff.base import rights
from integrations.staff.base.actions import Action
from integrations.staff.base.forms import ActionForm


class PersonAction(Action):
    """An action on a colleague whose role and access do not exceed the actor's."""

    is_sensitive = True
    form_class = ActionForm
    person: User

    def is_allowed(self) -> bool:
        return rights.may_change_people(self.request)

    def find(self, pk: int) -> None:
        found = people.manageable(cast("User", self.request.user)).filter(pk=pk).first()
        if found is None:
            raise Http404("There is no such person, or their role or access exceeds yours.")
        self.person = found

    def next_url(self) -> str:
        return reverse("admin:auth_user_change", args=(self.person.pk,))

    def context(self) -> dict[str, Any]:
        return {"opts": User._meta, "subject": self.person}


class ResetSecondFactors(PersonAction):
    """Removes a colleague's second factors, for example after a lost phone. The colleague can then set up new ones."""

    title = "Reset second factors"
    button = "Reset"
    words = "staff/people/words/reset_second_factors.html"

    def obstacle(self) -> PortalError | None:
        return None if second_factors.has_second_factor(self.person) else NoSecondFactor()

    def carry_out(self, _values: dict[str, Any]) -> HttpResponse:
        second_factors.reset_second_factors(self.person, actor=self.actor)
        return self.done("The second factors were reset. At the next sign-in the password is enough to set one up.")

    def context(self) -> dict[str, Any]:
        return {**super().context(), "factors": second_factors.second_factors_of(self.person)}


class UnlinkIdentity(PersonAction):
    """Unlinks an OpenID Connect identity from a colleague. That identity can then no longer sign in."""

    title = "Unlink identity"
    button = "Unlink and end sessions"
    words = "staff/people/words/unlink_identity.html"
    identity: SocialAccount | None

    def find(self, pk: int, identity: int = 0) -> None:
        super().find(pk)
        self.identity = identities_of(self.person).filter(pk=identity).first()

    def obstacle(self) -> PortalError | None:
        return None if self.identity else NotLinked()

    def carry_out(self, _values: dict[str, Any]) -> HttpResponse:
        if self.identity is None:
            raise NotLinked
        unlinking.unlink(self.person, [self.identity], actor=self.actor)
        return self.done(
            f"Unlinked: {in_words(self.identity)}. Every session of {self.person} has ended. "
            f"{unlinking.prospect_of(self.identity).words(self.person)}"
        )

    def context(self) -> dict[str, Any]:
        found = super().context()
        return {**found, **_outlook(self.identity)} if self.identity else found


def _outlook(identity: SocialAccount) -> dict[str, Any]:
    prospect = unlinking.prospect_of(identity)
    return {
        "identity": identity,
        "prospect": prospect.words(identity.user),
        "comes_back": prospect is Prospect.COMES_BACK,
        "is_only_way_in": unlinking.is_only_way_in(identity),
    }
