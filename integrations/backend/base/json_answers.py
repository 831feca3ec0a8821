"""Builds the JSON answers of the API."""

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
    """Return the output of serializers as a JSON response, and format the times in it.

    The serializers do not format times, because the setting DATETIME_FORMAT is None.
    """
    return json_answer(_Renderer().render(content), status=status)


def json_answer(body: bytes, *, status: int = 200) -> PlainResponse:
    return PlainResponse(status, [*_HEADERS], body)
