"""Staff sign in by OpenID Connect: known and unknown people, and rejected ID tokens."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from integrations.models.audit import Verb
from tests.staff.people.test_staff_people import make_person
from tests.staff.signing_in.oidc_sign_in import ADDRESS, BEGIN, CALLBACK, LINK, events, sign_in_with_oidc
from tests.staff.signing_in.test_second_factors import add_app, code_of
from tests.staff.signing_in.test_sign_in import START, is_signed_in, refusals
from tests.support.servers.oidc_provider import CLIENT_ID, NESTED, Provider, key
from tests.support.staff.pages import text

SCOPE = {"openid", "profile", "email"}


def test_a_known_person_signs_in_and_is_linked_once_and_both_are_audited(
    client: Client, anna: User, provider: Provider
) -> None:
    target = "/admin/integrations/outlet/"
    assert "Sign in with Example ID" in client.get(reverse("account_login")).content.decode()
    assert sign_in_with_oidc(client, next=target)["Location"] == target
    assert is_signed_in(client)
    assert sign_in_with_oidc(Client())["Location"] == START
    assert [event.subject for event in events(Verb.IDENTITY_LINKED)] == ["anna"]
    assert [event.detail for event in events(Verb.SIGNED_IN)] == [{"by": "OpenID Connect"}] * 2
    assert SocialAccount.objects.get().user == anna
    sent = provider.asked[0]
    assert (set(sent["scope"].split()), sent["redirect_uri"]) == (SCOPE, f"http://testserver{CALLBACK}")
    assert sent["code_challenge_method"] == "S256"


def test_a_linked_person_is_recognised_by_identity_and_not_by_address(
    client: Client, anna: User, provider: Provider
) -> None:
    sign_in_with_oidc(client)
    provider.claims |= {"email": "moved@example.com", "email_verified": False}
    sign_in_with_oidc(browser := Client())
    assert is_signed_in(browser)
    provider.claims |= {"sub": "subject-2", "email": ADDRESS, "email_verified": False}
    sign_in_with_oidc(other_browser := Client())
    assert not is_signed_in(other_browser)


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"email": "nobody@example.com"}, "no account, or more than one, has this address"),
        ({"email_verified": False}, "did not confirm that your e-mail address is verified"),
        ({"email_verified": "true"}, "did not confirm that your e-mail address is verified"),
        ({"email": None}, "did not confirm that your e-mail address is verified"),
    ],
)
def test_a_person_without_a_known_verified_address_sees_an_explanation(
    client: Client, anna: User, provider: Provider, claims: dict[str, Any], words: str
) -> None:
    provider.claims |= claims
    answer = sign_in_with_oidc(client)
    assert answer.status_code == 403
    assert words in text(answer)
    assert not is_signed_in(client)
    assert not SocialAccount.objects.exists()
    assert refusals() == [("an unknown name", "no account for this OpenID Connect identity")]


def test_an_address_shared_by_two_accounts_matches_neither(client: Client, anna: User, provider: Provider) -> None:
    make_person("anna-too")
    User.objects.filter(username="anna-too").update(email=ADDRESS)
    assert sign_in_with_oidc(client).status_code == 403


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_an_inactive_or_non_staff_person_cannot_sign_in(
    client: Client, anna: User, provider: Provider, change: dict[str, bool], settings: Any
) -> None:
    settings.OIDC_CREATE_PEOPLE = True
    User.objects.update(**change)
    sign_in_with_oidc(client)
    assert not is_signed_in(client)
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"token_changes": {"iss": "https://evil.example"}},
        {"token_changes": {"aud": "another-client"}},
        {"token_changes": {"exp": 1}},
        {"signing_key": key("another")},
        {"signing_key": "shared-by-all-who-know-the-client-secret", "algorithm": "HS256"},
        {"userinfo_changes": {"sub": "somebody-else"}},
        {"configuration_changes": {"issuer": "https://evil.example"}},
        {"token_changes": {"sub": ""}, "userinfo_changes": {"sub": ""}},
    ],
    ids=[
        "issuer",
        "audience",
        "expired",
        "unknown key",
        "shared key",
        "other subject",
        "other issuer",
        "empty subject",
    ],
)
def test_an_invalid_id_token_is_rejected(client: Client, anna: User, provider: Provider, fault: dict[str, Any]) -> None:
    assert_rejected(client, provider, fault)


def assert_rejected(client: Client, provider: Provider, fault: dict[str, Any]) -> None:
    """Check that the portal rejects an invalid response of the provider."""
    redirect = client.post(BEGIN)
    back = httpx2.get(redirect["Location"], trust_env=False, verify=False, follow_redirects=False).headers["Location"]
    for name, value in fault.items():
        setattr(provider, name, value)
    answer = client.get(back.removeprefix("http://testserver"))
    assert answer.status_code == 401
    assert "Sign-in failed" in text(answer)
    assert not is_signed_in(client)
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize("missing", ["iss", "sub", "aud", "exp", "iat", "nonce"])
def test_an_id_token_without_a_required_claim_is_rejected(
    client: Client, anna: User, provider: Provider, missing: str
) -> None:
    assert_rejected(client, provider, {"token_changes": {missing: None}})


@pytest.mark.parametrize(
    "changes",
    [
        {"azp": "another-client"},
        {"azp": ""},
        {"azp": [CLIENT_ID]},
        {"aud": [CLIENT_ID, "another-client"]},
        {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"},
        {"aud": ["another-client"], "azp": CLIENT_ID},
        {"aud": []},
        {"aud": [CLIENT_ID, CLIENT_ID]},
        {"nonce": ""},
        {"nonce": "of-another-sign-in"},
        {"nonce": 1},
        {"sub": 17},
        {"exp": True},
        {"exp": "9999999999"},
        {"iat": "now"},
    ],
)
def test_an_id_token_for_another_client_or_sign_in_is_rejected(
    client: Client, anna: User, provider: Provider, changes: dict[str, Any]
) -> None:
    assert_rejected(client, provider, {"token_changes": changes})


@pytest.mark.parametrize(("claim", "seconds"), [("exp", -120), ("iat", 120), ("nbf", 120), ("iat", -7200)])
def test_an_id_token_outside_its_validity_period_is_rejected(
    client: Client, anna: User, provider: Provider, claim: str, seconds: int
) -> None:
    assert_rejected(client, provider, {"token_changes": {claim: int(time.time()) + seconds}})


@pytest.mark.parametrize(
    ("changes", "offsets"),
    [
        ({"aud": [CLIENT_ID]}, {}),
        ({"azp": CLIENT_ID}, {}),
        ({"aud": [CLIENT_ID, "another-client"], "azp": CLIENT_ID}, {}),
        ({}, {"exp": -30}),
        ({}, {"iat": 30, "nbf": 30}),
    ],
)
def test_claims_that_the_standard_allows_and_small_clock_differences_are_accepted(
    client: Client, anna: User, provider: Provider, changes: dict[str, Any], offsets: dict[str, int]
) -> None:
    provider.token_changes = changes | {name: int(time.time()) + each for name, each in offsets.items()}
    sign_in_with_oidc(client)
    assert is_signed_in(client)


def test_an_id_token_from_another_browser_of_the_same_person_is_rejected(
    client: Client, anna: User, provider: Provider
) -> None:
    other = parse_qs(urlsplit(Client().post(BEGIN)["Location"]).query)
    other_nonce = other["nonce"][0]
    assert_rejected(client, provider, {"token_changes": {"nonce": other_nonce}})
    assert provider.asked[-1]["nonce"] != other_nonce


def test_an_id_token_with_a_reused_id_is_rejected(client: Client, anna: User, provider: Provider) -> None:
    provider.token_changes = {"jti": "token-1"}
    for browser, is_good in ((client, True), (Client(), False)):
        sign_in_with_oidc(browser)
        assert is_signed_in(browser) is is_good


def test_an_unsolicited_authentication_response_is_refused(client: Client, anna: User, provider: Provider) -> None:
    redirect = client.post(BEGIN)
    back = httpx2.get(redirect["Location"], trust_env=False, verify=False, follow_redirects=False).headers["Location"]
    path = back.removeprefix("http://testserver")
    assert Client().get(path).status_code == 401
    assert client.get(f"{CALLBACK}?code=x&state=made-up").status_code == 401
    assert client.get(CALLBACK).status_code == 401
    assert client.get(path)["Location"] == START
    assert client.get(path).status_code == 401


def test_an_unreachable_or_broken_provider_shows_a_page_and_causes_no_error(
    client: Client, anna: User, provider: Provider, settings: Any
) -> None:
    provider.configuration_changes = {"issuer": None}
    assert client.post(BEGIN).status_code == 401
    settings.OIDC_SERVER_URL = "http://127.0.0.1:1"
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["server_url"] = "http://127.0.0.1:1"
    assert "could not be reached" in text(client.post(BEGIN))


@pytest.mark.parametrize("levels", [500, 5_000, 100_000])
def test_user_information_that_nests_too_deeply_is_refused(
    client: Client, anna: User, provider: Provider, levels: int
) -> None:
    provider.userinfo_changes, provider.nested = {"other": NESTED}, levels
    assert sign_in_with_oidc(client).status_code == 401


@pytest.mark.parametrize("levels", [500, 5_000, 100_000])
@pytest.mark.parametrize("changes", ["answer_changes", "configuration_changes"])
def test_deep_nesting_in_data_that_is_not_stored_never_causes_a_500(
    client: Client, anna: User, provider: Provider, changes: str, levels: int
) -> None:
    setattr(provider, changes, {"other": NESTED})
    provider.nested = levels
    answer = client.post(BEGIN)
    if answer.status_code == 302:
        answer = sign_in_with_oidc(client)
    assert answer.status_code in (302, 401)


def test_cancelling_at_the_provider_leads_back_to_the_sign_in_page(
    client: Client, anna: User, provider: Provider
) -> None:
    state = parse_qs(urlsplit(client.post(BEGIN)["Location"]).query)["state"][0]
    answer = client.get(f"{CALLBACK}?error=access_denied&state={state}", follow=True)
    assert "The sign-in was cancelled at the identity provider" in text(answer)


def test_the_sign_in_starts_only_with_a_post_and_is_absent_without_a_provider(client: Client, db: None) -> None:
    assert client.get(BEGIN).status_code == 405
    for path in (BEGIN, LINK):
        assert client.post(path).status_code in (302, 404)
    assert client.post(BEGIN).status_code == 404
    assert client.get(CALLBACK).status_code == 404
    assert "/admin/oidc/" not in client.get(reverse("account_login")).content.decode()


def test_no_token_is_stored(client: Client, anna: User, provider: Provider) -> None:
    sign_in_with_oidc(client)
    stored = str([row.get_decoded() for row in Session.objects.all()]) + str(list(SocialAccount.objects.values_list()))
    assert "an-access-token" not in stored
    assert "eyJ" not in stored


def test_a_person_with_a_second_factor_must_also_enter_it(client: Client, anna: User, provider: Provider) -> None:
    add_app(anna)
    assert sign_in_with_oidc(client)["Location"] == reverse("mfa_authenticate")
    assert not is_signed_in(client)


def test_a_session_opened_before_the_factor_was_set_up_must_prove_it(
    client: Client, anna: User, provider: Provider
) -> None:
    sign_in_with_oidc(client)
    assert is_signed_in(client)
    secret = add_app(anna)
    assert not is_signed_in(client)
    confirm_url = client.get(START)["Location"]
    assert confirm_url.startswith(reverse("account_login"))
    assert client.get(confirm_url)["Location"].startswith(reverse("mfa_reauthenticate"))
    client.post(reverse("mfa_reauthenticate"), {"code": code_of(secret)})
    assert is_signed_in(client)
