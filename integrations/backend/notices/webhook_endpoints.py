"""Reads and changes the webhook endpoints that the caller's key may see. Runs in database threads."""

from typing import Any

from django.db.models import QuerySet
from django.views.decorators.debug import sensitive_variables

from integrations.backend.base.api_key_authentication import Caller
from integrations.backend.base.pagination import OLDEST_FIRST, page_of
from integrations.backend.base.problems import UNKNOWN_WEBHOOK, Problem
from integrations.backend.notices.serializers import DeliverySerializer, EndpointSerializer
from integrations.backend.organisations.rows import get_organisation
from integrations.models import Organisation, WebhookEndpoint
from integrations.services.audit import Actor
from integrations.services.errors import InvalidValue
from integrations.services.notices import webhooks
from integrations.services.rows.keyset_pages import Position
from integrations.wire.plain_http import PlainRequest

LIMITED = "The API key is limited to one organisation, so its endpoints get only events of that one. Omit the field."


def endpoints_page(caller: Caller, request: PlainRequest) -> tuple[list[WebhookEndpoint], Position | None]:
    """Return a page of webhook endpoints in order of creation. Raises Problem."""
    return page_of(endpoints_of(caller), request, order=OLDEST_FIRST)


def get_endpoint(caller: Caller, endpoint_id: int) -> WebhookEndpoint:
    """Return a webhook endpoint that the caller may see. Raises Problem."""
    endpoint = endpoints_of(caller).filter(pk=endpoint_id).first()
    if endpoint is None:
        raise Problem(UNKNOWN_WEBHOOK)
    return endpoint


def endpoints_of(caller: Caller) -> QuerySet[WebhookEndpoint]:
    """Return the endpoints of the organisation that the key is limited to, or all if the key has no such limit."""
    rows = WebhookEndpoint.objects.select_related("organisation").defer("sealed_secret")
    return rows if caller.organisation_id is None else rows.filter(organisation=caller.organisation_id)


@sensitive_variables()
def create(caller: Caller, *, actor: Actor, **values: Any) -> dict[str, Any]:
    """Create an endpoint and return it with its secret. Raises Problem or a refusal from create_endpoint."""
    organisation = _organisation_of(caller, values.pop("organisation_id", caller.organisation_id))
    endpoint, secret = webhooks.create_endpoint(**values, organisation=organisation, actor=actor)
    return _content_of(endpoint) | {"secret": secret}


def change(caller: Caller, endpoint_id: int, *, actor: Actor, **values: Any) -> dict[str, Any]:
    """Change the given fields and return the endpoint. Raises Problem or a refusal from the services."""
    endpoint = get_endpoint(caller, endpoint_id).locked()
    enabled, reason = values.get("enabled", endpoint.is_enabled), values.get("reason")
    if reason is not None and enabled:
        raise InvalidValue("reason", "Send a reason only to disable the endpoint, with `enabled: false`.")
    if reason is not None and not endpoint.is_enabled and reason != endpoint.disabled_reason:
        problem = "The endpoint is already disabled, and its reason cannot be changed. Omit `reason`."
        raise InvalidValue("reason", problem)
    if values.keys() & {"url", "kinds"}:
        url, kinds = values.get("url", endpoint.url), values.get("kinds", endpoint.kinds)
        webhooks.change_endpoint(endpoint, url=url, kinds=kinds, actor=actor)
    if enabled and not endpoint.is_enabled:
        webhooks.enable_endpoint(endpoint, actor=actor)
    if endpoint.is_enabled and not enabled:
        webhooks.disable_endpoint(endpoint, reason=reason or "", actor=actor)
    return _content_of(get_endpoint(caller, endpoint_id))


@sensitive_variables()
def rotate(caller: Caller, endpoint_id: int, *, overlap: str = "0", actor: Actor) -> dict[str, Any]:
    """Replace an endpoint's secret; return the endpoint and the new secret. Raises Problem or OverlapRunning."""
    secret = webhooks.rotate_endpoint(get_endpoint(caller, endpoint_id), overlap=overlap, actor=actor)
    return _content_of(get_endpoint(caller, endpoint_id)) | {"secret": secret}


def end_overlap(caller: Caller, endpoint_id: int, *, actor: Actor) -> dict[str, Any]:
    """Stop signing with the old secret, and return the endpoint. Raises Problem or NoOverlap."""
    webhooks.end_endpoint_overlap(get_endpoint(caller, endpoint_id), actor=actor)
    return _content_of(get_endpoint(caller, endpoint_id))


def test(caller: Caller, endpoint_id: int, *, actor: Actor) -> Any:
    """Queue a test event and return its delivery. Raises Problem or WebhookDisabled."""
    return DeliverySerializer(webhooks.send_test(get_endpoint(caller, endpoint_id), actor=actor)).data


def delete(caller: Caller, endpoint_id: int, *, actor: Actor) -> dict[str, Any]:
    """Delete an endpoint, and return it as it was. Raises Problem."""
    endpoint = get_endpoint(caller, endpoint_id)
    content = _content_of(endpoint)
    webhooks.delete_endpoint(endpoint, actor=actor)
    return content


def _organisation_of(caller: Caller, organisation_id: int | None) -> Organisation | None:
    """Return the organisation whose events a new endpoint gets; None for all. Raises Problem or InvalidValue."""
    if organisation_id is None and caller.organisation_id is None:
        return None
    if organisation_id is None:
        raise InvalidValue("organisation_id", LIMITED)
    return get_organisation(caller, organisation_id)


def _content_of(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return dict(EndpointSerializer(endpoint).data)
