"""Live parts of pages: the browser fetches the part again every few seconds and shows the changes.

A view makes a part of its page live by naming the part's template in its context, as `fragment`. The page includes this
template in an element with `data-live`. The script static/integrations/live.js requests the page's own URL with the
header that `sessions.is_refresh` checks. The response is the part's template alone, rendered by the same view with the
same context. So a refresh needs no separate URL, and the page's rights and limits apply to the refresh. An element with
`data-over` in the fragment means that the fragment will not change any more.
"""

from collections.abc import Callable
from functools import partial, wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils.cache import get_conditional_response, set_response_etag

from integrations.staff.signing_in import sessions


def refreshable(view: Callable[..., Any]) -> Callable[..., HttpResponseBase]:
    """Return a view that answers a refresh with the page's fragment, or with 304 if the browser already has it.

    A refresh gets 410 if the page has no fragment any more because its row was deleted.
    """

    @wraps(view)
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = view(request, *args, **kwargs)
        if not sessions.is_refresh(request) or response.status_code >= HTTPStatus.BAD_REQUEST:
            return response
        fragment = getattr(response, "context_data", {}).get("fragment")
        if not isinstance(response, SimpleTemplateResponse) or not fragment:
            return HttpResponse(status=HTTPStatus.GONE)
        response.template_name = fragment
        response.add_post_render_callback(partial(_unless_known, request))
        return response

    return handle


def _unless_known(request: HttpRequest, response: HttpResponse) -> HttpResponseBase | None:
    """Return 304 instead of the rendered fragment if the browser sent the fragment's ETag."""
    set_response_etag(response)
    return get_conditional_response(request, etag=response["ETag"], response=response)
