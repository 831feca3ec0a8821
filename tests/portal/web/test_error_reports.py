"""The technical error page of DEBUG shows no secret: not in settings, variables, cookies, forms or messages."""

import base64
import html
from typing import Any
from urllib.parse import quote

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.views.decorators.debug import sensitive_variables

from integrations.security.secret_digests import SecretKind, generate
from portal import service_urls
from portal.web import error_reports

MAIL, DATABASE, REDIS = 'p@ss"w&rd<47', "d/b-pass:word", "r3dis-s3cret"
OTHERS = {
    "METRICS_TOKEN": "metrics-token-value-16",
    "OIDC_CLIENT_SECRET": "oidc'client\\secret",
    "SECRET_KEY_FALLBACKS": ["an-older-secret-key-of-the-portal"],
    "SOCIALACCOUNT_PROVIDERS": {"openid_connect": {"APPS": [{"secret": "oidc'client\\secret", "name": "x"}]}},
    "CHANNEL_LAYERS": {"default": {"CONFIG": {"hosts": [{"address": f"redis://:{REDIS}@127.0.0.1:6379/0"}]}}},
    "SOMETHING_NEW": "https://hooks.example/x?access_token=t0ken-of-a-hook&a=b",
}
SECRETS = (MAIL, DATABASE, REDIS, "metrics-token-value-16", "oidc'client\\secret", "an-older-secret-key-of-the-portal")
# Concatenated at run time, because the page also shows source lines of this file.
MARKED, POSTED, COOKIE, PIN = (f"{each}-{'value'}" for each in ("marked", "posted", "cookie", "pin"))
SECRET_OF_POS = generate(SecretKind.POS_SECRET)


@sensitive_variables("password")
def _fail(password: str) -> None:
    raise ValueError(f"cannot reach smtp+tls://mailer:{quote(MAIL, safe='')}@mail.example:587")


def broken(request: HttpRequest) -> HttpResponse:
    url = f"postgres://portal:{DATABASE}@db.example/portal"
    connection = {"url": url, "auth": base64.b64encode(b"\0mailer\0" + MAIL.encode()), "nested": [[repr(MAIL)], REDIS]}
    # The error page truncates the text of a variable to 4,096 characters.
    many = ["filler" * 10 for _ in range(67)] + [OTHERS["METRICS_TOKEN"]] * 2
    claim = {"AuthSecret": SECRET_OF_POS, "PIN": PIN}
    _fail(MARKED)
    return HttpResponse(f"{connection}{many}{claim}{request}")


urlpatterns = [path("broken/", broken)]


def spellings_of(secret: str) -> list[str]:
    return [*error_reports._quoted(secret), *error_reports._encoded(secret)]


@pytest.fixture
def client(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    settings.DEBUG, settings.ROOT_URLCONF = True, __name__
    settings.EMAIL_URL = f"smtp+tls://mailer:{quote(MAIL, safe='')}@mail.example:587"
    settings.MAILERS = {"default": service_urls.mail(settings.EMAIL_URL)}
    for name, value in OTHERS.items():
        setattr(settings, name, value)
    monkeypatch.setenv("DATABASE_URL", f"postgres://portal:{DATABASE}@db.example/portal")
    monkeypatch.setenv("REDIS_URL", f"redis://:{REDIS}@127.0.0.1:6379/0")
    return Client(raise_request_exception=False)


def page(client: Client, accept: str) -> str:
    client.cookies["other"] = COOKIE
    answer = client.post(
        "/broken/?token=abc.def.ghi",
        {"anything": POSTED},
        headers={"accept": accept, "authorization": "Bearer an-access-token", "x-note": f"redis://:{REDIS}@h"},
    )
    assert answer.status_code == 500
    return answer.content.decode()


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_no_secret_is_on_the_page_in_any_spelling(client: Client, accept: str) -> None:
    shown = page(client, accept)
    assert "ValueError" in shown
    assert "ALLOWED_HOSTS" in shown, "the page is still of use"
    forms = [form for secret in SECRETS for form in spellings_of(secret)]
    hidden = (*SECRETS, *forms, MARKED, POSTED, COOKIE, SECRET_OF_POS, PIN, "abc.def.ghi", "an-access-token")
    escaped = [html.escape(each) for each in hidden]
    assert [each for each in (*hidden, *escaped) if each in shown] == []
    assert "t0ken-of-a-hook" not in shown
    assert "metrics-token" not in shown, "no half of it either, where the page cuts a value"
    assert "mailer:" in shown
    assert "mail.example:587" in shown


def test_a_secret_of_two_or_three_characters_does_not_blank_the_page(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = "at"
    shown = page(client, "text/html")
    assert "Traceback" in shown
    assert f"smtp+tls://mailer:{error_reports.MASK}@mail.example:587" in shown


def test_a_new_setting_needs_no_entry_in_a_list(settings: Any) -> None:
    settings.PAYMENT_API_KEY = "a-key-of-a-later-version"
    settings.ELSEWHERE_URL = "amqp://queue:pw%2F12345@queue.example"
    shown = error_reports.mask("x a-key-of-a-later-version y pw/12345 z pw%2F12345 end")
    assert shown == f"x {error_reports.MASK} y {error_reports.MASK} z {error_reports.MASK} end"


@pytest.mark.parametrize("password", ["port", "server", "password", "connection"])
def test_a_password_that_is_a_word_is_masked_only_as_a_complete_value(settings: Any, password: str) -> None:
    settings.MAILERS = {"default": {"OPTIONS": {"password": password}}}
    words = f"the {password} of server port 9 refused the connection: no password given"
    assert error_reports.mask(words) == words
    shown = error_reports.mask(f"call({password!r}) at smtp://u:{password}@h with &quot;{password}&quot;")
    assert shown == f"call({error_reports.MASK}) at smtp://u:{error_reports.MASK}@h with {error_reports.MASK}"


@pytest.mark.parametrize("path", ["/nowhere/", "/broken/"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_the_secrets_are_collected_a_few_times_for_a_page(
    client: Client, monkeypatch: pytest.MonkeyPatch, path: str, accept: str
) -> None:
    collected: list[list[str]] = []
    spellings = error_reports._spellings

    def collect() -> list[str]:
        collected.append(spellings())
        return collected[-1]

    monkeypatch.setattr(error_reports, "_spellings", collect)
    answer = client.get(path, headers={"accept": accept})
    assert answer.status_code == (404 if path == "/nowhere/" else 500)
    assert 1 <= len(collected) <= 10
