"""An anonymous caller gets no 5xx response and causes no error log line, on any route with any method."""

import logging
from typing import Any

import pytest
from django.test import override_settings

from portal.serving.probes import PROBES
from tests.portal.web.test_heads import BESIDE, paths
from tests.support.asgi_client import request
from tests.support.backend_client import make_outlet
from tests.support.in_process import InProcess, in_main

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get", "options")
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Methods(InProcess):
    @pytest.mark.slow
    @override_settings(DEBUG=False)
    async def test_no_method_of_any_route_causes_an_error_for_an_anonymous_caller(self) -> None:
        outlet = await make_outlet()
        found = await in_main(paths, outlet.handover.provider_outlet_id)
        assert len(found) > 150
        faults = Faults()
        logging.getLogger().addHandler(faults)
        try:
            for path in (*found, *PROBES, *BESIDE):
                for method in METHODS:
                    status = (await request(method, path, headers=FORM)).status
                    with self.subTest(path=path, method=method):
                        assert status < 500
                        assert faults.take() == []
        finally:
            logging.getLogger().removeHandler(faults)

    async def test_the_description_of_the_api_refuses_other_methods_as_a_problem(self) -> None:
        for path in ("/api/v1/schema", "/api/v1/docs"):
            for method in ("OPTIONS", "PUT", "TRACE", "PROPFIND"):
                answer = await request(method, path)
                with self.subTest(path=path, method=method):
                    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert answer.json()["type"] == "urn:order-n-pay:problem:method-not-allowed"


class Faults(logging.Handler):
    """Collects log records at error level."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())

    def take(self) -> list[Any]:
        lines, self._lines = self._lines, []
        return lines
