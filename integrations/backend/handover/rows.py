"""Reads, creates and revokes the hand-over links of outlets that the caller may see. Runs in database threads.

Each function raises Problem if the caller may not see the outlet or the link.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.views.decorators.debug import sensitive_variables

from integrations.backend.base.api_key_authentication import Caller
from integrations.backend.base.pagination import NEWEST_FIRST, page_of
from integrations.backend.base.problems import UNKNOWN_LINK, Problem, invalid
from integrations.backend.handover.serializers import HandoverLinkSerializer
from integrations.backend.outlets.rows import get_outlet
from integrations.models import HandoverLink, Outlet
from integrations.services.audit import Actor
from integrations.services.handover import links
from integrations.services.handover.handover import HandOver
from integrations.services.integration.enabling import enable_outlet
from integrations.services.integration.pos_secrets import rotate_secret
from integrations.services.outlets.outlets import integration_of
from integrations.services.rows.keyset_pages import Position
from integrations.wire.plain_http import PlainRequest


def links_page(
    caller: Caller, provider_outlet_id: str, request: PlainRequest
) -> tuple[list[HandoverLink], Position | None]:
    """Return a page of an outlet's links, newest first."""
    return page_of(_links_of(get_outlet(caller, provider_outlet_id)), request, order=NEWEST_FIRST)


@sensitive_variables()
def create(
    caller: Caller,
    provider_outlet_id: str,
    *,
    hours: int | None = None,
    passphrase: str = "",
    overlap: str | None = None,
    pos_remote_id: str | None = None,
    actor: Actor,
) -> dict[str, Any]:
    """Give an outlet a new secret, and return a hand-over link in place of the secret.

    If `pos_remote_id` is given, the outlet is enabled. Otherwise its secret is rotated. Raises Problem, or a refusal
    of the services.
    """
    outlet = get_outlet(caller, provider_outlet_id)
    new = links.create_link_instead(
        _act(outlet, pos_remote_id, overlap, actor),
        hours=hours or settings.HANDOVER_LINK_HOURS,
        passphrase=passphrase,
        actor=actor,
    )
    content = dict(HandoverLinkSerializer(new.link).data)
    return content | {"url": new.url, "passphrase": new.passphrase if new.is_generated else None}


def revoke(caller: Caller, provider_outlet_id: str, link_id: int, *, actor: Actor) -> dict[str, Any]:
    """Revoke a link that was not opened, and return it. Raises Problem or LinkEnded."""
    rows = _links_of(get_outlet(caller, provider_outlet_id)).filter(pk=link_id)
    link = rows.first()
    if link is None:
        raise Problem(UNKNOWN_LINK)
    links.revoke_link(link, actor=actor)
    return dict(HandoverLinkSerializer(rows.get()).data)


def _act(outlet: Outlet, pos_remote_id: str | None, overlap: str | None, actor: Actor) -> Callable[[], HandOver]:
    if pos_remote_id is None:
        return partial(rotate_secret, integration_of(outlet), overlap=overlap or "0", actor=actor)
    if overlap is not None:
        problem = "cannot be sent with pos_remote_id: this call enables the outlet, so there is no old secret"
        raise invalid("overlap", problem)
    return partial(enable_outlet, outlet, pos_remote_id=pos_remote_id, actor=actor)


def _links_of(outlet: Outlet) -> QuerySet[HandoverLink]:
    rows = HandoverLink.objects.select_related("credential", "integration__outlet__organisation").defer("sealed")
    return rows.filter(integration__outlet=outlet)
