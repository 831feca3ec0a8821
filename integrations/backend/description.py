"""Serves the OpenAPI document and an interactive page to try the API.

The document is the same for every caller and does not change while the process runs, so it is built once per format.
A lock is needed because drf-spectacular loads its extensions on first use and is not thread-safe there.
"""

from threading import Lock
from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation

METHODS = ["get", "head"]  # no OPTIONS, because DRF's answer to it cannot be rendered as a page

_building = Lock()
_documents: dict[str, bytes] = {}  # by format


class Negotiation(DefaultContentNegotiation):
    """Answers an unknown value of `format` with 406, as it answers an unknown Accept header. DRF would answer 404."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:  # noqa: A002
        try:
            return super().filter_renderers(renderers, format)
        except Http404:
            raise NotAcceptable from None


class DocumentView(SpectacularAPIView):
    """The OpenAPI document, as YAML or JSON."""

    http_method_names = METHODS
    content_negotiation_class = Negotiation

    def get(self, request: Any, *_args: Any, **_kwargs: Any) -> HttpResponse:
        renderer = request.accepted_renderer
        content_type = f"{renderer.media_type}; charset={renderer.charset}" if renderer.charset else renderer.media_type
        headers = {
            "Content-Disposition": f'inline; filename="{settings.SPECTACULAR_SETTINGS["TITLE"]}.{renderer.format}"'
        }
        return HttpResponse(_rendered(renderer), content_type=content_type, headers=headers)


class TryView(SpectacularSwaggerSplitView):
    """An interactive page to try the API."""

    http_method_names = METHODS
    content_negotiation_class = Negotiation


def _rendered(renderer: Any) -> bytes:
    with _building:
        if renderer.format not in _documents:
            document = DocumentView.generator_class().get_schema(public=True)  # type: ignore[no-untyped-call]
            _documents[renderer.format] = renderer.render(document, renderer_context={})
        return _documents[renderer.format]
