"""OpenID Connect sign-ins create people and set their groups; identities can be linked, and unlinked again."""

import time
from dataclasses import replace
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
from integrations.services.people.claims import Claims
from integrations.services.people.groups import ADMINISTRATOR, OPERATOR, VIEWER
from integrations.services.people.unlinking import Prospect
from portal.environment import PORTAL_GROUPS, group_names
from tests.staff.people.test_staff_people import make_person
from tests.staff.signing_in.oidc_sign_in import LINK, events, sign_in_with_oidc
from tests.staff.signing_in.test_second_factors import add_app, code_of
from tests.staff.signing_in.test_sign_in import is_signed_in
from tests.support.factories import ANNA
from tests.support.servers.oidc_provider import Provider
from tests.support.signing_in import prove
from tests.support.staff.pages import text

# --- People created at sign-in ---


def test_a_new_person_is_created_without_rights_if_the_setting_allows_it(
    client: Client, anna: User, provider: Provider, settings: Any
) -> None:
    settings.OIDC_CREATE_PEOPLE = True
    provider.claims |= {"email": "ben@example.com", "preferred_username": "Anna", "given_name": "Ben", "sub": "2"}
    sign_in_with_oidc(client)
    ben = User.objects.get(email="ben@example.com")
    assert (ben.username, ben.first_name, ben.is_staff, ben.has_usable_password()) == ("Anna-2", "Ben", True, False)
    assert not ben.get_all_permissions()
    assert not ben.is_superuser
    assert client.get("/admin/integrations/outlet/").status_code == 403
    assert [event.actor_name for event in events(Verb.PERSON_ADDED)] == ["OpenID Connect"]


def test_a_new_persons_names_have_no_invisible_characters(
    client: Client, anna: User, provider: Provider, settings: Any
) -> None:
    settings.OIDC_CREATE_PEOPLE = True
    provider.claims |= {
        "email": "ben@example.com", "preferred_username": "b\u3164en", "given_name": "B\u202een", "sub": "2",
        "family_name": "de\u00a0la\u200b Cruz",
    }  # fmt: skip
    sign_in_with_oidc(client)
    ben = User.objects.get(email="ben@example.com")
    assert (ben.username, ben.first_name, ben.last_name) == ("ben", "Ben", "de la Cruz")


@pytest.mark.parametrize("address", ["m\u0131ke@example.com", "mi\u212ae@example.com", "mike@example.com\u200b"])
def test_an_address_with_similar_characters_is_of_another_person(db: None, address: str) -> None:
    mike = User.objects.create_user("mike", email="mike@example.com", is_staff=True)
    claims = Claims(email=address, user_name="", first_name="", last_name="", groups=None)
    assert identities.find_person(claims) is None
    assert identities.find_person(replace(claims, email="MIKE@example.com")) == mike


def test_groups_follow_the_provider_at_each_sign_in(
    client: Client, anna: User, provider: Provider, settings: Any
) -> None:
    settings.OIDC_GROUPS_CLAIM, settings.OIDC_GROUPS = "roles", {"till-admins": ADMINISTRATOR, "till-staff": VIEWER}
    for named, expected in (
        (["till-admins", "till-staff", "another"], {ADMINISTRATOR, VIEWER}),
        ("till-staff", {VIEWER}),
        (["administrator"], set()),
        (None, set()),
    ):
        provider.claims["roles"] = named
        sign_in_with_oidc(Client())
        assert set(anna.groups.values_list("name", flat=True)) == expected
    assert [event.detail["groups"] for event in events(Verb.PERSON_CHANGED)] == [
        "administrator, viewer",
        "viewer",
        "none",
    ]


def test_groups_do_not_change_if_the_audit_event_cannot_be_written(anna: User) -> None:
    anna.groups.set(Group.objects.filter(name=VIEWER))
    with mock.patch.object(identities, "record", side_effect=DatabaseError), pytest.raises(DatabaseError):
        identities.follow_groups(anna, [ADMINISTRATOR], actor=ANNA)
    assert [group.name for group in anna.groups.all()] == [VIEWER]


def test_without_a_mapping_the_portals_own_group_names_apply_and_superusers_keep_their_groups(
    client: Client, anna: User, provider: Provider, settings: Any
) -> None:
    settings.OIDC_GROUPS_CLAIM = "groups"
    provider.claims["groups"] = [VIEWER, "superuser"]
    sign_in_with_oidc(client)
    assert [group.name for group in anna.groups.all()] == [VIEWER]
    User.objects.update(is_superuser=True)
    provider.claims["groups"] = []
    sign_in_with_oidc(client)
    assert [group.name for group in anna.groups.all()] == [VIEWER]


def test_a_mapping_to_an_unknown_group_prevents_the_start() -> None:
    assert group_names({"it ": " viewer"}) == {"it": "viewer"}
    assert PORTAL_GROUPS == (VIEWER, OPERATOR, ADMINISTRATOR)
    with pytest.raises(ImproperlyConfigured, match="OIDC_GROUPS must read like"):
        group_names({"it": "superuser"})


# --- Unlinking and linking again ---


def test_an_unlinked_identity_is_linked_again_by_its_verified_address_until_the_person_is_deactivated(
    client: Client, anna: User, provider: Provider
) -> None:
    sign_in_with_oidc(client)
    identity = SocialAccount.objects.get()
    unlinking.unlink(anna, [identity], actor=Actor("ada"))
    assert not is_signed_in(client)
    assert unlinking.prospect_of(identity) is Prospect.COMES_BACK
    sign_in_with_oidc(client)
    assert is_signed_in(client)
    assert [event.subject for event in events(Verb.IDENTITY_LINKED)] == ["anna", "anna"]
    User.objects.update(is_active=False)
    assert not is_signed_in(client)
    unlinking.unlink(anna, [SocialAccount.objects.get()], actor=Actor("ada"))
    assert unlinking.prospect_of(identity) is Prospect.STAYS_OUT
    sign_in_with_oidc(client)
    assert not is_signed_in(client)


def test_an_unlinked_identity_with_another_address_cannot_sign_in(
    client: Client, anna: User, provider: Provider
) -> None:
    provider.claims |= {"email": "private@example.org"}
    client.force_login(anna)
    sign_in_with_oidc(client, LINK)
    identity = SocialAccount.objects.get()
    unlinking.unlink(anna, [identity], actor=Actor("ada"))
    assert unlinking.prospect_of(identity) is Prospect.REFUSED
    assert sign_in_with_oidc(client).status_code == 403
    assert not is_signed_in(client)


def test_unlinking_cancels_a_sign_in_that_waits_for_the_second_factor(
    client: Client, anna: User, provider: Provider
) -> None:
    secret = add_app(anna)
    sign_in_with_oidc(client)
    unlinking.unlink(anna, [SocialAccount.objects.get()], actor=Actor("ada"))
    client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    assert not is_signed_in(client)


# --- Linking one's own identity, and reauthentication ---


def test_a_person_links_their_own_identity_after_reauthenticating(
    client: Client, anna: User, provider: Provider
) -> None:
    provider.claims |= {"email": "private@example.org", "email_verified": False}
    assert client.post(LINK)["Location"].startswith(reverse("account_login"))
    client.force_login(anna)
    assert sign_in_with_oidc(client, LINK)["Location"] == reverse("mfa_index")
    assert "You can now sign in with Example ID" in text(client.get(reverse("mfa_index")))
    sign_in_with_oidc(browser := Client())
    assert is_signed_in(browser)
    otto = make_person("otto")
    other = Client()
    other.force_login(otto)
    sign_in_with_oidc(other, LINK)
    assert "is already linked to another person" in text(other.get(reverse("mfa_index")))
    assert SocialAccount.objects.get().user == anna
    prove(other, otto, ago=901)
    assert "oidc/authorize" not in other.post(LINK)["Location"]
    assert [event.subject for event in events(Verb.IDENTITY_LINKED)] == ["anna"]


def test_a_person_without_a_password_reauthenticates_at_the_provider(
    client: Client, anna: User, provider: Provider
) -> None:
    anna.set_unusable_password()
    anna.save()
    sign_in_with_oidc(client)
    prove(client, anna, method="socialaccount", ago=901)
    url = reverse("mfa_activate_totp")
    confirm_url = client.get(url)["Location"]
    assert confirm_url.startswith(reverse("oidc_confirm"))
    assert "Sign in again with Example ID" in text(client.get(confirm_url))
    assert sign_in_with_oidc(client, fresh="yes", next=url)["Location"] == url
    assert (provider.asked[-1]["prompt"], provider.asked[-1]["max_age"]) == ("login", "0")
    assert client.get(url).status_code == 200


def test_an_earlier_sign_in_at_the_provider_does_not_count_as_reauthentication(
    client: Client, anna: User, provider: Provider
) -> None:
    provider.claims["auth_time"] = int(time.time()) - 3600
    sign_in_with_oidc(client)
    assert is_signed_in(client)
    assert client.get(reverse("mfa_activate_totp")).status_code == 302
    provider.claims["auth_time"] = int(time.time()) + 3600
    sign_in_with_oidc(client)
    assert client.get(reverse("mfa_activate_totp")).status_code == 200
    assert max(each["at"] for each in client.session["account_authentication_methods"]) <= time.time()
