"""The staff pages of message types."""

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import AuditEvent, MessageType
from integrations.models.audit import Verb
from integrations.services.requests.errors import MessageTypeDocumented, MessageTypeExists
from integrations.services.requests.message_types import save_message_type
from tests.support.factories import ANNA
from tests.support.staff.backend_pages import type_url
from tests.support.staff.pages import list_url, text


def test_a_message_type_without_a_number_says_so(staff: Client) -> None:
    page = text(staff.get(list_url("messagetype")))
    assert "CreateOrder number not known yet" in page
    assert "GetUserFromPIN 0 Checks" in page


def test_a_built_in_message_type_gets_its_number_and_keeps_its_name(staff: Client) -> None:
    url = type_url("CreateOrder")
    assert 'name="name"' not in staff.get(url).content.decode()
    staff.post(url, {"name": "Another", "number": "10", "description": "Opens an order."})
    row = MessageType.objects.get(name="CreateOrder")
    assert (row.number, row.description, row.payload_model) == (
        10, "Opens an order.", "OrderNPayCreateOrderRequest",
    )  # fmt: skip
    event = AuditEvent.objects.get(verb=Verb.MESSAGE_TYPE_CHANGED)
    assert event.detail["number"] == {"before": None, "after": 10}
    assert "number: none → 10" in text(staff.get(list_url("auditevent")))


def test_a_custom_message_type_is_added_and_renamed_with_audit_events(staff: Client) -> None:
    staff.post(reverse("admin:integrations_messagetype_add"), {"name": "GetTables", "number": "57"})
    staff.post(type_url("GetTables"), {"name": "GetAllTables", "number": "57"})
    staff.post(type_url("GetAllTables"), {"name": "GetAllTables", "number": "57"})
    verbs = list(AuditEvent.objects.order_by("id").values_list("verb", "actor_name", "subject"))
    assert verbs == [
        (Verb.MESSAGE_TYPE_CREATED, "boss", "GetTables (57)"),
        (Verb.MESSAGE_TYPE_CHANGED, "boss", "GetAllTables (57)"),
    ]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"name": "GetTables", "number": "12"}, "Another message type has this number. Choose another one."),
        ({"name": "CreateOrder", "number": "57"}, "Another message type has this name. Choose another one."),
        ({"name": "GetTables", "number": "-1"}, "greater than or equal to 0"),
        ({"name": "GetTables", "number": str(2**31)}, "less than or equal to 2147483647"),
        ({"name": "", "number": "57"}, "This field is required"),
    ],
)
def test_an_invalid_message_type_is_a_form_error(staff: Client, values: dict[str, str], complaint: str) -> None:
    answer = staff.post(reverse("admin:integrations_messagetype_add"), values)
    assert complaint in text(answer)
    assert MessageType.objects.count() == 6
    assert not AuditEvent.objects.exists()


def test_a_name_that_would_be_read_as_a_number_is_an_error_of_the_form_which_keeps_the_input(staff: Client) -> None:
    values = {"name": "57", "number": "58", "description": "Lists all tables."}
    answer = staff.post(reverse("admin:integrations_messagetype_add"), values)
    assert "would be read as a number" in str(answer.context["adminform"].form.errors["name"])
    assert all(value in answer.content.decode() for value in values.values())
    assert MessageType.objects.count() == 6


@pytest.mark.django_db
def test_a_built_in_message_type_cannot_be_renamed() -> None:
    row = MessageType.objects.get(name="CreateOrder")
    row.name = "Another"
    with pytest.raises(MessageTypeDocumented):
        save_message_type(row, actor=ANNA)
    assert MessageType.objects.filter(name="CreateOrder").exists()


@pytest.mark.django_db
def test_the_second_of_two_people_assigning_the_same_number_at_once_is_refused() -> None:
    row = MessageType.objects.get(name="CreateOrder")
    row.number = 12
    with pytest.raises(MessageTypeExists):
        save_message_type(row, actor=ANNA)
    assert not AuditEvent.objects.exists()


def test_no_message_type_can_be_deleted(staff: Client) -> None:
    pk = MessageType.objects.get(name="CreateOrder").pk
    url = reverse("admin:integrations_messagetype_delete", args=(pk,))
    assert staff.post(url, {"post": "yes"}).status_code == 403
