"""Set the names and numbers of message types. Requests need only the number; names are for people."""

from django.db import IntegrityError, transaction

from integrations.models import MessageType
from integrations.models.audit import Verb
from integrations.services.audit import Actor, record
from integrations.services.errors import InvalidValue
from integrations.services.outlets.outlets import check_form
from integrations.services.requests.errors import MessageTypeDocumented, MessageTypeExists

EDITABLE = ("name", "number", "description")


@transaction.atomic
def save_message_type(message_type: MessageType, *, actor: Actor) -> None:
    """Store a new or changed message type. No audit event is recorded if nothing changed.

    Raises InvalidValue, MessageTypeExists, or MessageTypeDocumented if a type that the portal ships would be renamed.
    """
    check_form(message_type)
    if message_type.name.isdecimal():
        raise InvalidValue("name", "Use at least one letter: a name of digits only would be read as a number.")
    before = MessageType.objects.select_for_update(no_key=True).filter(pk=message_type.pk).first()
    if before is not None and before.is_documented and before.name != message_type.name:
        raise MessageTypeDocumented
    _save_type(message_type)
    if before is None:
        record(Verb.MESSAGE_TYPE_CREATED, message_type, actor=actor, number=message_type.number)
    elif changes := _changes(before, message_type):
        record(Verb.MESSAGE_TYPE_CHANGED, message_type, actor=actor, **changes)


def _save_type(message_type: MessageType) -> None:
    try:
        with transaction.atomic():
            message_type.save()
    except IntegrityError as error:
        raise MessageTypeExists from error


def _changes(before: MessageType, after: MessageType) -> dict[str, dict[str, str | int | None]]:
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in EDITABLE}
    return {name: {"before": old, "after": new} for name, (old, new) in pairs.items() if old != new}
