"""A person has one of three fixed roles; the form warns if none is chosen, and pages explain a missing role."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.urls import NoReverseMatch, reverse

from integrations.services.people.groups import ADMINISTRATOR, OPERATOR, VIEWER, Role, ensure_groups
from integrations.staff.people.forms import NO_ROLE
from tests.staff.people.test_staff_people import ADD, browser_of, make_person, page_of, values_of
from tests.staff.test_staff_walk import start_urls
from tests.support.staff.pages import text
from tests.support.staff.world import make_world

PEOPLE = reverse("admin:auth_user_changelist")
START = reverse("admin:index")


@pytest.fixture(autouse=True)
def _groups(db: None) -> None:
    ensure_groups()


@pytest.fixture
def night_shift() -> Group:
    """A group that is not one of the portal's roles, with one permission that administrators have."""
    group = Group.objects.create(name="night shift")
    group.permissions.add(Permission.objects.get(codename="ask_pos"))
    return group


def groups_of(name: str) -> set[str]:
    return set(User.objects.get(username=name).groups.values_list("name", flat=True))


def test_the_form_offers_each_role_with_one_sentence_as_a_radio_button() -> None:
    page = browser_of(make_person("ada", ADMINISTRATOR)).get(ADD)
    for role in Role:
        assert f'type="radio" name="role" value="{role.value}"' in page.content.decode()
        assert f"{role.label} {role.sentence}" in text(page)
        assert ". " not in role.sentence


def test_a_person_offers_only_roles_within_their_own_rights() -> None:
    clerk = make_person("clerk", VIEWER)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "add_user", "change_user"]))
    page = browser_of(clerk).get(ADD).content.decode()
    assert 'name="role" value="viewer"' in page
    assert 'name="role" value="operator"' not in page


def test_changing_the_role_replaces_the_older_one() -> None:
    browser, otto = browser_of(make_person("ada", ADMINISTRATOR)), make_person("otto", VIEWER, OPERATOR)
    assert browser.get(page_of(otto)).context["adminform"].form["role"].value() == OPERATOR
    browser.post(page_of(otto), values_of("otto", VIEWER))
    assert groups_of("otto") == {VIEWER}


def test_a_form_without_a_choice_of_role_is_refused() -> None:
    page = browser_of(make_person("ada", ADMINISTRATOR)).post(ADD, values_of("otto", ""))
    assert "Choose a role" in text(page)
    assert not User.objects.filter(username="otto").exists()


def test_the_form_warns_before_it_saves_a_person_without_a_role() -> None:
    browser = browser_of(make_person("ada", ADMINISTRATOR))
    page = browser.post(ADD, values_of("otto", NO_ROLE))
    assert "A person without a role can sign in, but cannot open any page" in text(page)
    assert 'name="without_role"' in page.content.decode()
    assert not User.objects.filter(username="otto").exists()
    assert browser.post(ADD, values_of("otto", NO_ROLE, without_role="on")).status_code == 302
    assert groups_of("otto") == set()
    assert "No role yet" in text(browser.get(PEOPLE))


def test_a_person_who_is_disabled_can_be_saved_without_a_role_and_without_a_warning() -> None:
    browser, otto = browser_of(make_person("ada", ADMINISTRATOR)), make_person("otto", VIEWER)
    assert browser.post(page_of(otto), values_of("otto", NO_ROLE, is_active="")).status_code == 302
    assert groups_of("otto") == set()


def test_groups_of_the_installation_are_offered_by_name_and_kept(night_shift: Group) -> None:
    browser, otto = browser_of(make_person("ada", ADMINISTRATOR)), make_person("otto", VIEWER, "night shift")
    form = browser.get(page_of(otto)).context["adminform"].form
    assert form["other_groups"].value() == [night_shift.pk]
    browser.post(page_of(otto), values_of("otto", OPERATOR, other_groups=[night_shift.pk]))
    assert groups_of("otto") == {OPERATOR, "night shift"}
    assert "Operator, night shift" in text(browser.get(PEOPLE))
    assert browser.post(page_of(otto), values_of("otto", NO_ROLE, other_groups=[night_shift.pk])).status_code == 302
    assert groups_of("otto") == {"night shift"}, "a group of the installation is enough, without a warning"


def test_the_form_does_not_mention_other_groups_if_there_are_none() -> None:
    assert "Other groups" not in text(browser_of(make_person("ada", ADMINISTRATOR)).get(ADD))


def test_no_page_changes_a_group() -> None:
    browser = browser_of(User.objects.create_superuser("boss"))
    assert browser.get("/admin/auth/group/").status_code == 404
    with pytest.raises(NoReverseMatch):
        reverse("admin:auth_group_changelist")


def test_no_page_lists_single_permissions(settings: Any) -> None:
    settings.EMAIL_URL = "smtp://mail.example.com"
    make_world()
    browser = browser_of(User.objects.create_superuser("boss"))
    # One page for each URL pattern, because pages that differ only in the row's ID have the same fields.
    for url in {re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+", "N", url): url for url in start_urls()}.values():
        page = browser.get(url)
        assert page.streaming or "| Can " not in page.content.decode(), url


def test_staff_find_themselves_in_the_list_of_people_and_cannot_change_their_row() -> None:
    ada = make_person("ada", ADMINISTRATOR)
    browser = browser_of(ada)
    page = text(browser.get(PEOPLE))
    assert "ada (you)" in page
    assert "The colleagues who may sign in appear in this list" in page
    password = reverse("admin:auth_user_password_change", args=(ada.pk,))
    assert browser.post(password, {"password1": "x", "password2": "x"}).status_code == 403
    make_person("otto", VIEWER)
    page = text(browser.get(PEOPLE))
    assert "otto" in page
    assert "The colleagues who may sign in appear in this list" not in page


def test_a_search_without_a_match_says_so() -> None:
    assert "No matches" in text(browser_of(make_person("ada", ADMINISTRATOR)).get(PEOPLE, {"q": "zzz"}))


def test_a_person_without_a_role_sees_a_page_that_explains_it() -> None:
    browser = browser_of(make_person("newcomer"))
    page = browser.get(START)
    assert page.status_code == 200
    assert "You have no role yet" in text(page)
    assert "signed in as newcomer" in text(page)
    refused = browser.get(PEOPLE)
    assert refused.status_code == 403
    assert "your account has no role" in text(refused)


def test_a_person_with_a_role_or_a_group_of_the_installation_sees_the_start_page(night_shift: Group) -> None:
    for person in (make_person("vic", VIEWER), make_person("nina", "night shift"), User.objects.create_superuser("b")):
        assert "You have no role yet" not in text(browser_of(person).get(START))
    assert "your role does not allow this page" in text(browser_of(User.objects.get(username="vic")).get(PEOPLE))
