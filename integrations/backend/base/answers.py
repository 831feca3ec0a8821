"""Answers of the API in JSON."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

from integrations.text.moments import iso
from integrations.wire.plain_http import PlainResponse

_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))


class _Encoder(JSONEncoder):
    def default(self, obj: Any) -> Any:
        return iso(obj) if isinstance(obj, datetime) else super().default(obj)


class _Renderer(JSONRenderer):
    encoder_class = _Encoder


def plain_data(content: Any, *, status: int = 200) -> PlainResponse:
    """Return the output of serializers as an answer. Serializers leave times as they are (DATETIME_FORMAT is None)."""
    return json_answer(_Renderer().render(content), status=status)


def answer_of_change(
    function: Callable[[], Any], *, status: int = 200, location: Callable[[Any], str] | None = None
) -> PlainResponse:
    """Call `function`, which changes something, and return its content as the answer. Pass it to BackendView.change.

    `location` returns the path of a created resource from the content.
    """
    content = function()
    response = plain_data(content, status=status)
    if location:
        response.set_header(b"location", location(content))
    return response


def json_answer(body: bytes, *, status: int = 200) -> PlainResponse:
    return PlainResponse(status, [*_HEADERS], body)
