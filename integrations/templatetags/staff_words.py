"""The functions of staff/base/presentation.py as template filters."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django import template
from django.contrib.auth.models import AnonymousUser, User
from django.utils.safestring import SafeString

from integrations.models import Connection, HandoverLink, Request
from integrations.models.clock import shared_now
from integrations.models.kept_secret import KeptSecret
from integrations.services.connections import ending_texts
from integrations.services.people import groups, identities
from integrations.services.requests import summaries
from integrations.staff.base import presentation
from integrations.staff.base.presentation import DatedState
from integrations.staff.handover import admin as handover_links
from integrations.staff.requests import descriptions as request_rows
from integrations.text import characters, moments
from integrations.text.browsers import browser_in

register = template.Library()


@register.filter
def show_hidden(text: str) -> str:
    return characters.show_hidden(text)


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    return presentation.ago(moment, shared_now())


@register.filter
def exactly(moment: datetime) -> str:
    return moments.exactly(moment)


@register.filter
def to_the_millisecond(moment: datetime) -> str:
    return presentation.to_the_millisecond(moment)


@register.filter
def badge(standing: DatedState) -> SafeString:
    return presentation.badge(standing, shared_now())


@register.filter
def ending(connection: Connection) -> str:
    return ending_texts.ending(connection, shared_now())


@register.filter
def last_ending(connection: Connection) -> str:
    return ending_texts.last_ending(connection, shared_now())


@register.filter
def link_state(link: HandoverLink) -> SafeString:
    return handover_links.state_of(link)


@register.filter
def can_be_opened(link: HandoverLink) -> bool:
    return link.is_live_at(shared_now())


@register.filter
def frames(connection: Connection) -> str:
    return presentation.frames(connection)


@register.filter
def secret_state(credential: KeptSecret) -> str:
    return presentation.secret_state(credential, shared_now())


@register.filter
def details(values: Mapping[str, Any]) -> str:
    return presentation.details(values)


@register.filter
def request_badge(row: Request) -> SafeString:
    return request_rows.request_badge(row)


@register.filter
def request_type(row: Request) -> str:
    return request_rows.type_of(row)


@register.filter
def duration(row: Request) -> str:
    return summaries.duration(row)


@register.filter
def identity_name(identity: SocialAccount) -> str:
    return identities.name_of(identity)


@register.filter
def identity_words(identity: SocialAccount) -> str:
    return identities.in_words(identity)


@register.filter
def has_no_role(user: User | AnonymousUser) -> bool:
    return groups.has_no_role(user)


@register.filter
def browser(user_agent: str) -> str:
    return browser_in(user_agent)
