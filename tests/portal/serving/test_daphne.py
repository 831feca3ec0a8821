"""The portal's patches of daphne. The tests in tests/live run daphne as a server."""

import sys
from typing import Any

import pytest
from daphne.http_protocol import WebRequest

from integrations.wire.security_headers import SECURITY_HEADERS
from portal.serving.daphne import adapt_daphne


def test_daphnes_own_answers_have_the_security_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some answers come from daphne itself, for example after its time limit or when the application raises."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(WebRequest, "handle_reply", lambda _request, message: sent.append(message))
    for name in ("daphne.ws_protocol", "daphne.access"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    adapt_daphne()
    WebRequest.__new__(WebRequest).basic_error(503, b"Service Unavailable", "Application failed to respond.")
    start, body = sent
    assert (start["status"], body["type"]) == (503, "http.response.body")
    assert set(SECURITY_HEADERS) <= set(start["headers"])
