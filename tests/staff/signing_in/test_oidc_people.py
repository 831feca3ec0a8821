"""People whom the provider brings, their groups, and how identities are unlinked and linked again."""

import time
from typing import Any
from unittest import mock

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, User
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

from integrations.models.audit import Verb
from integrations.services.audit import Actor
from integrations.services.people import identities, unlinking
from integrations.services.people.groups import ADMINISTRATOR, OPERATOR, VIEWER
from integrations.services.people.unlinking import Prospect
from portal.environment import PORTAL_GROUPS, group_names
from tests.staff.people.test_staff_people import make_person
from tests.staff.signing_in.arriving import LINK, arrive, events
from tests.staff.signing_in.test_second_factors import code_of, give_app
from tests.staff.signing_in.test_sign_in import is_in
from tests.support.factories import ANNA
from tests.support.servers.oidc_provider import Provider
from tests.support.signing_in import prove
from tests.support.staff.pages import text

# --- People whom the provider brings ---


def test_a_new_person_is_made_where_the_setting_says_so_and_may_do_nothing_yet(
    client: Client, anna: User, provider: Provider, settings: Any
) -> None:
    settings.OIDC_CREATE_PEOPLE = True
    provider.claims |= {"email": "ben@example.com", "preferred_username": "anna", "given_name": "Ben", "sub": "2"}
    arrive(client)
    ben = User.objects.get(email="ben@example.com")
    assert (ben.username, ben.first_name, ben.is_staff, ben.has_usable_password()) == ("anna-2", "Ben", True, False)
    assert not ben.get_all_permissions()
    assert not ben.is_superuser
    assert client.get("/admin/integrations/outlet/").status_code == 403
    assert [event.actor_name for event in events(Verb.PERSON_ADDED)] == ["OpenID Connect"]


def test_groups_follow_the_provider_at_each_sign_in(
    client: Client, anna: User, provider: Provider, settings: Any
) -> None:
    settings.OIDC_GROUPS_CLAIM, settings.OIDC_GROUPS = "roles", {"till-admins": ADMINISTRATOR, "till-staff": VIEWER}
    for named, held in (
        (["till-admins", "till-staff", "another"], {ADMINISTRATOR, VIEWER}),
        ("till-staff", {VIEWER}),
        (["administrator"], set()),
        (None, set()),
    ):
        provider.claims["roles"] = named
        arrive(Client())
        assert set(anna.groups.values_list("name", flat=True)) == held
    assert [event.detail["groups"] for event in events(Verb.PERSON_CHANGED)] == [
        "administrator, viewer",
        "viewer",
        "none",
    ]


def test_groups_that_cannot_be_written_to_the_audit_log_stay_as_they_were(anna: User) -> None:
    anna.groups.set(Group.objects.filter(name=VIEWER))
    with mock.patch.object(identities, "record", side_effect=DatabaseError), pytest.raises(DatabaseError):
        identities.follow_groups(anna, [ADMINISTRATOR], actor=ANNA)
    assert [group.name for group in anna.groups.all()] == [VIEWER]


def test_without_a_table_the_names_are_the_portals_own_and_superusers_keep_theirs(
    client: Client, anna: User, provider: Provider, settings: Any
) -> None:
    settings.OIDC_GROUPS_CLAIM = "groups"
    provider.claims["groups"] = [VIEWER, "superuser"]
    arrive(client)
    assert [group.name for group in anna.groups.all()] == [VIEWER]
    User.objects.update(is_superuser=True)
    provider.claims["groups"] = []
    arrive(client)
    assert [group.name for group in anna.groups.all()] == [VIEWER]


def test_a_table_that_names_no_group_of_the_portal_stops_the_start() -> None:
    assert group_names({"it ": " viewer"}) == {"it": "viewer"}
    assert PORTAL_GROUPS == (VIEWER, OPERATOR, ADMINISTRATOR)
    with pytest.raises(ImproperlyConfigured, match="OIDC_GROUPS must read like"):
        group_names({"it": "superuser"})


# --- Unlinked, and back again ---


def test_an_unlinked_identity_comes_back_by_its_verified_address_until_the_person_is_switched_off(
    client: Client, anna: User, provider: Provider
) -> None:
    arrive(client)
    identity = SocialAccount.objects.get()
    unlinking.unlink(anna, [identity], actor=Actor("ada"))
    assert not is_in(client)
    assert unlinking.prospect_of(identity) is Prospect.COMES_BACK
    arrive(client)
    assert is_in(client)
    assert [event.subject for event in events(Verb.IDENTITY_LINKED)] == ["anna", "anna"]
    User.objects.update(is_active=False)
    assert not is_in(client)
    unlinking.unlink(anna, [SocialAccount.objects.get()], actor=Actor("ada"))
    assert unlinking.prospect_of(identity) is Prospect.STAYS_OUT
    arrive(client)
    assert not is_in(client)


def test_an_unlinked_identity_of_another_address_stays_out(client: Client, anna: User, provider: Provider) -> None:
    provider.claims |= {"email": "private@example.org"}
    client.force_login(anna)
    arrive(client, LINK)
    identity = SocialAccount.objects.get()
    unlinking.unlink(anna, [identity], actor=Actor("ada"))
    assert unlinking.prospect_of(identity) is Prospect.REFUSED
    assert arrive(client).status_code == 403
    assert not is_in(client)


def test_unlinking_ends_a_sign_in_that_waits_for_the_second_factor(
    client: Client, anna: User, provider: Provider
) -> None:
    secret = give_app(anna)
    arrive(client)
    unlinking.unlink(anna, [SocialAccount.objects.get()], actor=Actor("ada"))
    client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    assert not is_in(client)


# --- Linking oneself, and proving it again ---


def test_a_person_links_their_own_identity_after_proving_who_they_are(
    client: Client, anna: User, provider: Provider
) -> None:
    provider.claims |= {"email": "private@example.org", "email_verified": False}
    assert client.post(LINK)["Location"].startswith(reverse("account_login"))
    client.force_login(anna)
    assert arrive(client, LINK)["Location"] == reverse("mfa_index")
    assert "You can now sign in with Example ID" in text(client.get(reverse("mfa_index")))
    arrive(browser := Client())
    assert is_in(browser)
    otto = make_person("otto")
    other = Client()
    other.force_login(otto)
    arrive(other, LINK)
    assert "is already linked to another person" in text(other.get(reverse("mfa_index")))
    assert SocialAccount.objects.get().user == anna
    prove(other, otto, ago=901)
    assert "oidc/authorize" not in other.post(LINK)["Location"]
    assert [event.subject for event in events(Verb.IDENTITY_LINKED)] == ["anna"]


def test_who_has_no_password_proves_it_at_the_provider(client: Client, anna: User, provider: Provider) -> None:
    anna.set_unusable_password()
    anna.save()
    arrive(client)
    prove(client, anna, method="socialaccount", ago=901)
    act = reverse("mfa_activate_totp")
    asked = client.get(act)["Location"]
    assert asked.startswith(reverse("oidc_confirm"))
    assert "Sign in again with Example ID" in text(client.get(asked))
    assert arrive(client, fresh="yes", next=act)["Location"] == act
    assert (provider.asked[-1]["prompt"], provider.asked[-1]["max_age"]) == ("login", "0")
    assert client.get(act).status_code == 200


def test_what_the_provider_knew_from_before_is_no_proof_of_today(
    client: Client, anna: User, provider: Provider
) -> None:
    provider.claims["auth_time"] = int(time.time()) - 3600
    arrive(client)
    assert is_in(client)
    assert client.get(reverse("mfa_activate_totp")).status_code == 302
    provider.claims["auth_time"] = int(time.time()) + 3600
    arrive(client)
    assert client.get(reverse("mfa_activate_totp")).status_code == 200
    assert max(each["at"] for each in client.session["account_authentication_methods"]) <= time.time()
