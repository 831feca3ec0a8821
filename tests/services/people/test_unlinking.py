"""Unlinking an identity: permissions, the sessions that end, and whether the identity can sign in again."""

from io import StringIO
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import AuditEvent
from integrations.models.audit import Verb
from integrations.services.people import sign_ins, unlinking
from integrations.services.people.errors import NotLinked
from integrations.services.people.groups import ADMINISTRATOR, VIEWER, ensure_groups
from integrations.services.people.unlinking import Prospect
from tests.staff.people.test_staff_people import browser_of, make_person, page_of
from tests.staff.signing_in.test_sign_in import PASSWORD, is_signed_in
from tests.support.factories import ANNA
from tests.support.signing_in import prove, refresh
from tests.support.staff.pages import text

ADDRESS = "otto@example.com"
WORDS = f"{ADDRESS} (subject subject-1)"


@pytest.fixture(autouse=True)
def _provider(db: None, settings: Any) -> None:
    settings.OIDC_SERVER_URL, settings.OIDC_NAME = "https://id.example", "Example ID"
    ensure_groups()


@pytest.fixture
def otto() -> User:
    """Return a person that can sign in only through the provider."""
    otto = make_person("otto", VIEWER)
    otto.set_unusable_password()
    otto.email = ADDRESS
    otto.save()
    return otto


@pytest.fixture
def ada() -> User:
    return make_person("ada", ADMINISTRATOR)


def link(person: User, uid: str = "subject-1", *, provider: str = "oidc", **said: Any) -> SocialAccount:
    """Link an identity to a person, as a sign-in does. By default, the identity has the person's verified address."""
    userinfo = said or {"email": person.email, "email_verified": True}
    return SocialAccount.objects.create(
        user=person, provider=provider, uid=uid, extra_data={"id_token": {}, "userinfo": userinfo}
    )


def unlink_url(person: User, identity: SocialAccount) -> str:
    return reverse("admin:auth_user_unlink_identity", args=(person.pk, identity.pk))


def unlinked() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(verb=Verb.IDENTITY_UNLINKED).order_by("pk"))


# --- The page ---


def test_an_administrator_sees_a_linked_identity_and_unlinks_it(ada: User, otto: User) -> None:
    identity, browser = link(otto), browser_of(ada)
    shown = browser.get(page_of(otto))
    assert f"Example ID: {WORDS}, linked just now , last used just now" in text(shown)
    assert unlink_url(otto, identity) in shown.content.decode()
    assert browser.get(unlink_url(otto, identity)).status_code == 200
    assert SocialAccount.objects.exists()
    answer = browser.post(unlink_url(otto, identity))
    assert answer["Location"] == page_of(otto)
    assert not SocialAccount.objects.exists()
    after = browser.get(page_of(otto))
    assert (
        f"Unlinked: {WORDS}. Every session of otto has ended. Unlinking alone does not keep this identity out"
        in text(after)
    )
    assert unlink_url(otto, identity) not in after.content.decode()
    (event,) = unlinked()
    assert (event.actor_name, event.subject) == ("ada", "otto")
    assert event.detail == {"by": "Example ID", "identity": WORDS, "sessions": 0}


def test_unlinking_one_identity_keeps_the_other(ada: User, otto: User) -> None:
    first, second = link(otto), link(otto, "subject-2", preferred_username="otto.k")
    page = text(browser_of(ada).get(page_of(otto)))
    assert f"Unlink {ADDRESS}" in page
    assert "Unlink otto.k" in page
    browser_of(ada).post(unlink_url(otto, first))
    assert SocialAccount.objects.get() == second


def test_a_repeated_unlink_says_that_nothing_was_changed(ada: User, otto: User) -> None:
    identity, browser = link(otto), browser_of(ada)
    url = unlink_url(otto, identity)
    browser.post(url)
    again = browser.post(url)
    assert again.status_code == 409
    assert "This identity is not linked to this person" in text(again)
    assert "This identity is not linked to this person" in text(browser.get(url))
    assert len(unlinked()) == 1


def test_the_page_of_one_person_does_not_unlink_the_identity_of_another(ada: User, otto: User) -> None:
    identity, vic = link(otto), make_person("vic", VIEWER)
    assert browser_of(ada).post(unlink_url(vic, identity)).status_code == 409
    assert SocialAccount.objects.exists()


def test_staff_cannot_unlink_themselves_or_higher_roles_and_viewers_cannot_unlink(ada: User, otto: User) -> None:
    boss = User.objects.create_superuser("boss")
    theirs, own, ottos = link(boss, "1"), link(ada, "2"), link(otto, "3")
    for person, identity in ((boss, theirs), (ada, own)):
        assert browser_of(ada).post(unlink_url(person, identity)).status_code == 404
    assert browser_of(make_person("vic", VIEWER)).post(unlink_url(otto, ottos)).status_code == 403
    assert SocialAccount.objects.count() == 3


def test_the_page_of_a_person_without_an_identity_says_so(ada: User, otto: User) -> None:
    page = text(browser_of(ada).get(page_of(otto)))
    assert "Linked identities: none" in page
    assert "Unlink" not in page


# --- What the page says about the next sign-in ---


def test_the_page_says_if_the_identity_can_be_linked_again_and_how_to_prevent_it(ada: User, otto: User) -> None:
    page = browser_of(ada).get(unlink_url(otto, link(otto)))
    assert "its next sign-in links it to otto again without confirmation" in text(page)
    assert f'<a href="{page_of(otto)}">the page of otto</a>' in page.content.decode()


def test_the_page_warns_only_if_the_identity_is_the_only_sign_in(ada: User, otto: User) -> None:
    url, browser = unlink_url(otto, link(otto)), browser_of(ada)
    assert "otto has no other way to sign in" in text(browser.get(url))
    link(otto, "subject-2")
    assert "no other way to sign in" not in text(browser.get(url))
    SocialAccount.objects.filter(uid="subject-2").delete()
    otto.set_password(PASSWORD)
    otto.save()
    assert "no other way to sign in" not in text(browser.get(url))


def test_the_predicted_outcome_matches_the_next_sign_in(otto: User, settings: Any) -> None:
    identity = link(otto)
    assert unlinking.prospect_of(identity) is Prospect.COMES_BACK
    User.objects.update(is_active=False)
    assert unlinking.prospect_of(identity) is Prospect.STAYS_OUT
    User.objects.update(email="another@example.com")
    assert unlinking.prospect_of(identity) is Prospect.REFUSED
    settings.OIDC_CREATE_PEOPLE = True
    assert unlinking.prospect_of(identity) is Prospect.NEW_PERSON
    User.objects.create_user("olga", email=ADDRESS, is_staff=True)
    assert unlinking.prospect_of(identity) is Prospect.ANOTHER
    settings.OIDC_SERVER_URL = ""
    assert unlinking.prospect_of(identity) is Prospect.NO_PROVIDER


def test_an_unverified_address_does_not_link_the_identity_again(otto: User) -> None:
    identity = link(otto, email=ADDRESS, email_verified=False)
    assert unlinking.prospect_of(identity) is Prospect.REFUSED


# --- Sessions that end ---


def test_every_session_of_the_person_ends_at_once_and_no_other(ada: User, otto: User) -> None:
    identity, browsers, boss = link(otto), [browser_of(otto), browser_of(otto)], browser_of(ada)
    assert all(is_signed_in(each) for each in browsers)
    boss.post(unlink_url(otto, identity))
    assert not any(is_signed_in(each) for each in browsers)
    assert all(refresh(each).status_code == 302 for each in browsers)
    assert is_signed_in(boss)
    assert unlinked()[0].detail["sessions"] == 2


def test_a_sign_in_that_waits_for_the_second_factor_also_ends(otto: User) -> None:
    half = Client()
    half.force_login(otto)
    session = half.session
    for name in [name for name in session.keys() if name.startswith("_auth_user")]:  # noqa: SIM118
        del session[name]
    session.save()
    assert sign_ins.sessions_of(otto) == [session.session_key]


def test_a_session_that_starts_during_the_search_for_others_also_ends(otto: User) -> None:
    browser_of(otto)
    began = timezone.now()
    later = browser_of(otto)
    assert len(sign_ins.sessions_of(otto)) == 2
    assert sign_ins.sessions_of(otto, saved_since=began) == [later.session.session_key]


def test_unlinking_a_missing_identity_is_refused_and_ends_no_session(otto: User) -> None:
    identity = link(otto)
    browser = browser_of(otto)
    SocialAccount.objects.all().delete()
    with pytest.raises(NotLinked):
        unlinking.unlink(otto, [identity], actor=ANNA)
    assert is_signed_in(browser)
    assert not unlinked()


def test_an_expired_proof_is_required_again_for_the_form_and_the_action(ada: User, otto: User) -> None:
    ada.set_password(PASSWORD)
    ada.save()
    url, browser = unlink_url(otto, link(otto)), browser_of(ada)
    prove(browser, ada, ago=901)
    for answer in (browser.get(url), browser.post(url)):
        assert answer["Location"].startswith(f"{reverse('account_reauthenticate')}?next=")
    assert SocialAccount.objects.exists()
    prove(browser, ada, ago=899)
    assert browser.post(url)["Location"] == page_of(otto)


# --- From the shell ---


def unlink_at_shell(*arguments: str) -> str:
    said = StringIO()
    call_command("unlink_identity", *arguments, stderr=said)
    return said.getvalue()


def test_the_command_unlinks_all_identities_of_a_person_with_one_line_each(otto: User, ada: User) -> None:
    link(otto)
    link(otto, "subject-2", preferred_username="otto.k")
    link(ada, "subject-3")
    browser = browser_of(otto)
    first, second = unlink_at_shell("otto").splitlines()
    assert first.startswith(f"Unlinked {WORDS}, sessions ended. Unlinking alone does not keep this identity out")
    assert second.startswith("Unlinked otto.k (subject subject-2), sessions ended. The identity can no longer sign in")
    assert SocialAccount.objects.get().user == ada
    assert not is_signed_in(browser)
    assert [event.actor_name.startswith("shell: ") for event in unlinked()] == [True, True]


def test_the_command_can_unlink_one_provider_only(otto: User) -> None:
    link(otto)
    kept = link(otto, "subject-2", provider="of-before")
    unlink_at_shell("otto", "--provider", "oidc")
    assert SocialAccount.objects.get() == kept


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["unknown"], "No person has the user name 'unknown'"),
        (["ada"], "This identity is not linked"),
        (["otto", "--provider", "other"], "This identity is not linked"),
    ],
)
def test_the_command_refuses_a_missing_person_or_identity_in_one_line(
    ada: User, otto: User, arguments: list[str], words: str
) -> None:
    link(otto)
    with pytest.raises(CommandError, match=words):
        unlink_at_shell(*arguments)
    assert SocialAccount.objects.exists()
