"""Answers of the API in JSON."""

from typing import Any

from rest_framework.renderers import JSONRenderer

from integrations.wire.plain_http import PlainResponse

_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))


def plain_data(content: Any) -> PlainResponse:
    """Return the output of serializers as an answer."""
    return json_answer(JSONRenderer().render(content))


def json_answer(body: bytes, *, status: int = 200) -> PlainResponse:
    return PlainResponse(status, [*_HEADERS], body)
