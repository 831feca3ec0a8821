"""Fill in and send the forms for requests to a POS."""

from typing import Any

from django.test import Client
from django.urls import reverse

from integrations.models import Request
from tests.support.factories import Enabled
from tests.support.staff.pages import act_url


def ask_url(enabled: Enabled, kind: object, *, raw: bool = False) -> str:
    return f"{act_url(enabled.integration, 'ask')}?type={kind}{'&raw' if raw else ''}"


def answer_url(row: Request) -> str:
    return reverse("admin:integrations_integration_asked", args=(row.integration_id, row.pk))


def form_values(page: Any, **values: Any) -> dict[str, Any]:
    """Return the values that a browser would send for the form on this page."""
    form = page.context["form"]
    shown = {field.name: field.value() for field in form if field.value() is not None}
    return shown | values


def send(staff: Client, url: str, **values: Any) -> Any:
    return staff.post(url, form_values(staff.get(url), **values))
