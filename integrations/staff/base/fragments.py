"""The live part of a page: the page fetches it again every few seconds, and shows what changed.

A view makes a part of its page live by naming the part's template in its context, as `fragment`. The page includes this
template in an element with `data-live`, and static/integrations/live.js asks the page's own address for it, with the
header of `sessions.is_refresh`. The answer is that template alone, rendered by the same view with the same context: so
the rights and the limits of the page hold for it, and it has no address of its own. An element with `data-over` in it
says that it will not change any more.
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
    """Return a view that answers a refresh with the page's fragment, or with 304 where the browser has it already.

    A page that has none any more, because its row is gone, answers 410.
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
    """Return 304 in place of a rendered fragment with the ETag that the browser sent."""
    set_response_etag(response)
    return get_conditional_response(request, etag=response["ETag"], response=response)
