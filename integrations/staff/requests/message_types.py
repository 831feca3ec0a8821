from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from integrations.models import MessageType
from integrations.services.requests import message_types
from integrations.staff.base.admin import FOR_ALL, PortalAdmin
from integrations.staff.base.menu import MenuGroup
from integrations.staff.signing_in.actors import actor_of


@admin.register(MessageType)
class MessageTypeAdmin(PortalAdmin[MessageType]):
    """The names that the portal gives to MessageType numbers."""

    menu_group = MenuGroup.SET_UP
    menu_position = 20
    when_empty = "No message types yet. Your systems can use the name of a message type instead of its number."
    first_step = "Add the first one."
    organisation_path = FOR_ALL
    list_display = ("name", "known_number", "description")
    search_fields = ("name", "number", "description")
    search_help_text = "Name, number, description"
    fields = ("name", "number", "description")

    @admin.display(description="number", ordering="number")
    def known_number(self, message_type: MessageType) -> str:
        return "number not known yet" if message_type.number is None else str(message_type.number)

    def get_readonly_fields(self, request: HttpRequest, obj: MessageType | None = None) -> tuple[str, ...]:  # noqa: ARG002
        return ("name",) if obj and obj.is_documented else ()

    def has_delete_permission(self, request: HttpRequest, obj: MessageType | None = None) -> bool:  # noqa: ARG002
        # Message types are never deleted: stored requests refer to their numbers, and API callers may use their names.
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: MessageType,
        form: ModelForm[MessageType],  # noqa: ARG002
        change: Any,  # noqa: ARG002
    ) -> None:
        message_types.save_message_type(obj, actor=actor_of(request))
