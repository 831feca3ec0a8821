"""The command that creates an endpoint prints the secret once, and prints each error in one line."""

import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from integrations.models import WebhookEndpoint
from integrations.security.sealing import unseal
from integrations.services.notices import signing
from integrations.services.notices.webhooks import SUBSCRIBABLE
from tests.support.factories import BELLA, make_organisation

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.com/onp"


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("create_webhook", *arguments, stdout=output)
    return output.getvalue()


def test_an_endpoint_is_created_for_all_events_and_its_secret_is_printed() -> None:
    created = json.loads(run("CRM", URL, "--format=json"))
    endpoint = WebhookEndpoint.objects.get()
    assert created == {"Name": "CRM", "URL": URL, "Secret": unseal(endpoint.sealed_secret, purpose=signing.PURPOSE)}
    assert endpoint.kinds == list(SUBSCRIBABLE)


def test_an_endpoint_is_created_for_some_events_of_one_organisation() -> None:
    bella = make_organisation(BELLA)
    output = run("CRM", URL, "--event=outlet.offline", "--event=alert.began", f"--organisation={BELLA}")
    assert "The secret is shown only once." in output
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.kinds, endpoint.organisation) == (["outlet.offline", "alert.began"], bella)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["CRM", "http://hooks.example.com/"], "must begin with https://"),
        (["CRM", URL, "--organisation=Nobody"], "No organisation has this name"),
    ],
)
def test_invalid_options_are_refused_in_one_line(arguments: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        run(*arguments)
