"""The portal's three roles; people can grant only permissions that they have themselves."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from integrations.models import AuditEvent, Organisation, StaffLimit
from integrations.models.audit import Verb
from integrations.services.people.groups import ADMINISTRATOR, OPERATOR, VIEWER, ensure_groups
from integrations.staff.base import choices
from tests.support.factories import BELLA, Enabled, make_organisation
from tests.support.staff.backend_pages import ask, request_url
from tests.support.staff.pages import act_url, text

ADD = reverse("admin:auth_user_add")
PASSWORD = "a-long-enough-password-47"


@pytest.fixture(autouse=True)
def _groups(db: None) -> None:
    ensure_groups()


def make_person(name: str, *groups: str, sees: list[Organisation] | None = None) -> User:
    person = User.objects.create_user(name, is_staff=True)
    person.groups.set(Group.objects.filter(name__in=groups))
    if sees is not None:
        StaffLimit.objects.create(user=person).organisations.set(sees)
    return person


def browser_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def page_of(person: User) -> str:
    return reverse("admin:auth_user_change", args=(person.pk,))


def rights_of(name: str) -> set[str]:
    return set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))


def values_of(name: str, role: str, **more: Any) -> dict[str, Any]:
    return {
        "username": name, "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD, "role": role,
        "is_active": "on",
    } | more  # fmt: skip


def test_a_viewer_sees_everything_except_payloads_and_people_and_changes_nothing() -> None:
    rights = rights_of(VIEWER)
    assert {"view_outlet", "view_request", "view_auditevent"} <= rights
    assert "view_payload" not in rights
    assert not any(right.startswith(("add_", "change_", "delete_")) or right.endswith("_user") for right in rights)


def test_an_operator_enables_rotates_and_sends_requests_but_creates_no_keys_or_people() -> None:
    rights = rights_of(OPERATOR)
    assert rights >= rights_of(VIEWER) | {"add_integration", "change_integration", "ask_pos", "view_payload"}
    assert not rights & {"add_apikey", "change_apikey", "change_messagetype", "add_user", "view_user"}


def test_an_administrator_has_all_permissions() -> None:
    rights = rights_of(ADMINISTRATOR)
    assert rights >= rights_of(OPERATOR) | {
        "add_apikey",
        "change_apikey",
        "change_messagetype",
        "add_user",
        "change_user",
    }


def test_a_permission_removed_from_a_built_in_group_is_restored_at_the_next_start() -> None:
    Group.objects.get(name=VIEWER).permissions.clear()
    ensure_groups()
    assert "view_outlet" in rights_of(VIEWER)


def test_a_viewer_sees_a_request_without_its_payload(enabled: Enabled) -> None:
    row = ask(enabled, payload='{"Table": "ALPHA"}', answer='{"Bill": "OMEGA"}')
    page = browser_of(make_person("vic", VIEWER)).get(request_url(row)).content.decode()
    assert row.request_id in page
    assert "ALPHA" not in page
    assert "OMEGA" not in page
    page = browser_of(make_person("otto", OPERATOR)).get(request_url(row)).content.decode()
    assert "ALPHA" in page
    assert "OMEGA" in page


def test_a_viewer_is_refused_every_action(enabled: Enabled) -> None:
    browser = browser_of(make_person("vic", VIEWER))
    assert browser.get(act_url(enabled.integration, "rotate")).status_code == 403
    assert browser.get(ADD).status_code == 403


def test_an_administrator_adds_a_person_who_can_sign_in_and_it_is_audited() -> None:
    browser = browser_of(make_person("ada", ADMINISTRATOR))
    assert browser.post(ADD, values_of("otto", OPERATOR)).status_code == 302
    otto = User.objects.get(username="otto")
    assert otto.is_staff
    assert otto.check_password(PASSWORD)
    assert rights_of(OPERATOR) == {right.partition(".")[2] for right in otto.get_all_permissions()}
    event = AuditEvent.objects.get(verb=Verb.PERSON_ADDED)
    assert (event.actor_name, event.subject) == ("ada", "otto")
    assert event.detail["groups"] == OPERATOR


def test_the_pages_about_people_say_user_name_and_e_mail_address() -> None:
    boss, otto = browser_of(make_person("boss", ADMINISTRATOR)), make_person("otto", VIEWER)
    pages = [text(boss.get(url)) for url in (reverse("admin:auth_user_changelist"), ADD, page_of(otto))]
    pages.append(text(Client().get(reverse("account_login"))))
    assert all("user name" in page.lower() for page in pages)
    assert not [page for page in pages if "username" in page.lower() or "email address" in page.lower()]


def test_a_user_name_that_exists_is_refused_in_the_portals_words() -> None:
    make_person("otto", VIEWER)
    answer = browser_of(make_person("boss", ADMINISTRATOR)).post(ADD, values_of("otto", VIEWER))
    assert "A person with this user name already exists. Choose another one." in text(answer)


@pytest.mark.parametrize("name", ["Otto", "OTTO", "Ötto"])
def test_a_user_name_that_differs_only_in_letter_case_is_refused(name: str) -> None:
    browser, otto = browser_of(make_person("boss", ADMINISTRATOR)), make_person("ben", VIEWER)
    make_person(name.lower(), VIEWER)
    for url in (ADD, page_of(otto)):
        assert "A person with this user name already exists." in text(browser.post(url, values_of(name, VIEWER)))


def test_a_person_is_renamed_in_another_letter_case() -> None:
    browser, otto = browser_of(make_person("boss", ADMINISTRATOR)), make_person("otto", VIEWER)
    assert browser.post(page_of(otto), values_of("Otto", VIEWER)).status_code == 302
    assert User.objects.filter(username="Otto").exists()


@pytest.mark.parametrize("hidden", ["\u200b", "\u202e", "\x07", "\u3164"])
@pytest.mark.parametrize("field", ["username", "first_name", "last_name"])
def test_an_invisible_character_in_a_persons_name_is_refused(field: str, hidden: str) -> None:
    browser, otto = browser_of(make_person("boss", ADMINISTRATOR)), make_person("ben", VIEWER)
    for url in (ADD, page_of(otto)):
        page = browser.post(url, {**values_of("otto", VIEWER), field: f"Maria{hidden}n"})
        assert page.status_code == 200
        assert field in page.context["adminform"].form.errors
    assert not User.objects.filter(username="otto").exists()


def test_a_persons_name_is_stored_like_all_names_and_an_older_one_may_stay() -> None:
    browser, otto = browser_of(make_person("boss", ADMINISTRATOR)), make_person("otto", VIEWER)
    User.objects.filter(pk=otto.pk).update(last_name="Ha\u200brz")
    values = values_of("otto", VIEWER, first_name="Jose\u0301\u00a0 Luis", last_name="Ha\u200brz")
    assert browser.post(page_of(otto), values).status_code == 302
    otto.refresh_from_db()
    assert (otto.first_name, otto.last_name) == ("Jos\u00e9 Luis", "Ha\u200brz")


def test_an_invalid_user_name_or_e_mail_address_is_refused_in_the_portals_words() -> None:
    values = {**values_of("otto<", VIEWER), "email": "otto@"}
    answer = browser_of(make_person("boss", ADMINISTRATOR)).post(ADD, values)
    assert "Use only letters, digits and the characters @ . + - _ in a user name." in text(answer)
    assert "Enter a valid e-mail address." in text(answer)


def test_a_person_is_limited_unlimited_and_deactivated() -> None:
    browser, bella = browser_of(make_person("ada", ADMINISTRATOR)), make_organisation(BELLA)
    browser.post(ADD, values_of("otto", OPERATOR, is_limited="on", organisations=[bella.pk]))
    otto = User.objects.get(username="otto")
    assert list(otto.staff_limit.organisations.all()) == [bella]
    assert "is_limited" in browser.get(page_of(otto)).content.decode()
    browser.post(page_of(otto), values_of("otto", VIEWER))
    assert not StaffLimit.objects.filter(user=otto).exists()
    browser.post(page_of(otto), values_of("otto", VIEWER, is_active=""))
    otto.refresh_from_db()
    assert not otto.is_active
    assert AuditEvent.objects.filter(verb=Verb.PERSON_CHANGED).count() == 2


def test_organisations_chosen_without_the_limit_tick_are_an_error() -> None:
    browser, bella = browser_of(make_person("ada", ADMINISTRATOR)), make_organisation(BELLA)
    page = browser.post(ADD, values_of("otto", OPERATOR, organisations=[bella.pk]))
    assert "Tick this" in text(page)
    assert not User.objects.filter(username="otto").exists()


def test_of_many_organisations_the_form_shows_those_of_the_person_and_takes_typed_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choices, "MOST_TICKED", 1)
    bella, other = make_organisation(BELLA), make_organisation("Osteria")
    browser, otto = browser_of(make_person("ada", ADMINISTRATOR)), make_person("otto", OPERATOR, sees=[bella])
    page = browser.get(page_of(otto)).content.decode()
    assert "select2" in page
    assert f'<option value="{bella.pk}" selected>{BELLA}</option>' in page
    assert "Osteria" not in page
    assert re.search(r'<noscript>.*<textarea name="organisations_name"', page, re.DOTALL)
    values = values_of("otto", OPERATOR, is_limited="on", organisations=[bella.pk])
    for wrong in ("Ost", str(other.pk), "a\x00b", "\n".join(map(str, range(1001)))):
        refused = browser.post(page_of(otto), {**values, "organisations_name": f"Osteria\n{wrong}"})
        assert "Please correct" in text(refused)
        assert "Osteria" in text(refused)
    assert browser.post(page_of(otto), {**values, "organisations_name": " Osteria \n\n"}).status_code == 302
    assert set(otto.staff_limit.organisations.all()) == {bella, other}
    browser.post(page_of(otto), {**values, "organisations": []} | {"organisations_name": "Osteria"})
    assert set(otto.staff_limit.organisations.all()) == {other}


def test_a_limited_administrator_cannot_type_the_name_of_another_organisation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "MOST_TICKED", 0)
    bella, other = make_organisation(BELLA), make_organisation("Osteria")
    browser, otto = (
        browser_of(make_person("lea", ADMINISTRATOR, sees=[bella])),
        make_person("otto", VIEWER, sees=[bella]),
    )
    page = browser.post(page_of(otto), values_of("otto", VIEWER, organisations_name=other.name))
    assert "There is no organisation “Osteria”." in text(page)


def test_the_list_of_people_names_ten_organisations_of_each() -> None:
    make_person("otto", VIEWER, sees=[make_organisation(f"Chain {number:02}") for number in range(12)])
    page = text(browser_of(make_person("ada", ADMINISTRATOR)).get(reverse("admin:auth_user_changelist")))
    assert "Chain 08, Chain 09 and 2 more" in page


def test_a_person_cannot_change_their_own_rights_or_limit() -> None:
    ada = make_person("ada", ADMINISTRATOR)
    page = browser_of(ada).get(page_of(ada))
    assert "This is your own account" in text(page)
    assert 'name="role"' not in page.content.decode()
    assert browser_of(ada).post(page_of(ada), values_of("ada", VIEWER)).status_code == 403
    assert ada.groups.get().name == ADMINISTRATOR


def test_a_limited_administrator_creates_limited_people_of_their_own_organisations_only() -> None:
    bella, other = make_organisation(BELLA), make_organisation("Osteria")
    browser = browser_of(make_person("lea", ADMINISTRATOR, sees=[bella]))
    page = browser.post(ADD, values_of("wide", OPERATOR, organisations=[other.pk]))
    assert "Osteria" not in text(page)
    assert not User.objects.filter(username="wide").exists()
    assert browser.post(ADD, values_of("narrow", OPERATOR, organisations=[bella.pk])).status_code == 302
    assert list(User.objects.get(username="narrow").staff_limit.organisations.all()) == [bella]


def test_a_limited_administrator_cannot_see_or_change_a_person_who_sees_more() -> None:
    bella, other = make_organisation(BELLA), make_organisation("Osteria")
    browser = browser_of(make_person("lea", ADMINISTRATOR, sees=[bella]))
    for unlimited in (make_person("all", VIEWER), make_person("both", VIEWER, sees=[bella, other])):
        assert unlimited.username not in text(browser.get(reverse("admin:auth_user_changelist")))
        assert browser.get(page_of(unlimited)).status_code == 302
        assert browser.get(reverse("admin:auth_user_password_change", args=(unlimited.pk,))).status_code in (403, 404)


def test_a_less_privileged_person_cannot_take_over_a_more_privileged_account() -> None:
    clerk = make_person("clerk")
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "add_user", "change_user"]))
    ada, boss = make_person("ada", ADMINISTRATOR), User.objects.create_superuser("boss")
    browser = browser_of(clerk)
    for stronger in (ada, boss):
        password = reverse("admin:auth_user_password_change", args=(stronger.pk,))
        values = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
        assert browser.post(password, values).status_code in (403, 404)
        stronger.refresh_from_db()
        assert not stronger.check_password(PASSWORD)
    assert not browser.post(ADD, values_of("puppet", ADMINISTRATOR)).headers.get("Location")
    assert not User.objects.filter(username="puppet").exists()


def test_no_page_creates_a_superuser_or_grants_a_single_permission() -> None:
    browser = browser_of(make_person("ada", ADMINISTRATOR))
    browser.post(ADD, values_of("otto", OPERATOR, is_superuser="on", user_permissions=[1]))
    otto = User.objects.get(username="otto")
    assert not otto.is_superuser
    assert not otto.user_permissions.exists()


def test_setting_a_password_is_audited_without_the_password() -> None:
    browser, otto = browser_of(make_person("ada", ADMINISTRATOR)), make_person("otto", VIEWER)
    values = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    answer = browser.post(reverse("admin:auth_user_password_change", args=(otto.pk,)), values)
    assert answer.status_code == 302
    event = AuditEvent.objects.get(verb=Verb.PASSWORD_SET)
    assert (event.subject, event.detail) == ("otto", {})
    otto.refresh_from_db()
    assert otto.check_password(PASSWORD)


def test_a_person_who_may_only_view_people_sees_their_rights_and_limits() -> None:
    colleague = make_person("carla", VIEWER, sees=[make_organisation(BELLA)])
    auditor = make_person("auditor", VIEWER)
    auditor.user_permissions.add(Permission.objects.get(codename="view_user"))
    shown = browser_of(auditor).get(page_of(colleague))
    assert (shown.status_code, "Viewer" in text(shown), BELLA in text(shown)) == (200, True, True)
    assert "Unlink" not in text(shown)
