"""The words of staff/presentation.py, for templates."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString

from integrations.models import Connection, Credential
from integrations.staff import presentation
from integrations.staff.presentation import Standing

register = template.Library()


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    return presentation.ago(moment, timezone.now())


@register.filter
def exactly(moment: datetime) -> str:
    return presentation.exactly(moment)


@register.filter
def badge(standing: Standing) -> SafeString:
    return presentation.badge(standing, timezone.now())


@register.filter
def ending(connection: Connection) -> str:
    return presentation.ending(connection, timezone.now())


@register.filter
def frames(connection: Connection) -> str:
    return presentation.frames(connection)


@register.filter
def secret_state(credential: Credential) -> str:
    return presentation.secret_state(credential, timezone.now())


@register.filter
def details(values: Mapping[str, Any]) -> str:
    return presentation.details(values)
