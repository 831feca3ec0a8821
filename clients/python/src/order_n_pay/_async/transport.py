"""Makes calls to the API: retries each one until its deadline, and parses the answer into a model.

All attempts of a change have the same idempotency key.
"""

import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import anyio
import httpx2
from pydantic import TypeAdapter, ValidationError

from order_n_pay import _json
from order_n_pay._headers import address_of, authorisation_of, quoted
from order_n_pay._retrying import Deadline, error_of, is_temporary
from order_n_pay._version import VERSION
from order_n_pay.errors import ApiError, OutcomeUnknown, UnexpectedAnswer

T = TypeVar("T")
_ATTEMPT = 35.0  # seconds that one attempt may take


class Transport:
    """Calls one portal with one API key."""

    def __init__(
        self, url: str, api_key: str, *, deadline: float, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        headers = {"Authorization": authorisation_of(api_key), "User-Agent": f"order-n-pay/{VERSION} python"}
        self._http = httpx2.AsyncClient(base_url=address_of(url), headers=headers, transport=transport)
        self._deadline = deadline

    async def aclose(self) -> None:
        await self._http.aclose()

    async def get(self, path: str, kind: type[T], query: Mapping[str, object] | None = None) -> T:
        return parse(kind, await self.exchange("GET", path, Deadline(self._deadline), query=query))

    async def post(
        self, path: str, kind: type[T], body: Mapping[str, object] | None = None, idempotency_key: str | None = None
    ) -> T:
        return parse(kind, await self._change("POST", path, body or {}, idempotency_key))

    async def patch(self, path: str, kind: type[T], body: Mapping[str, object], idempotency_key: str | None) -> T:
        return parse(kind, await self._change("PATCH", path, body, idempotency_key))

    async def delete(self, path: str, kind: type[T], idempotency_key: str | None) -> T:
        return parse(kind, await self._change("DELETE", path, None, idempotency_key))

    async def results(self, path: str, kind: type[T], query: Mapping[str, object]) -> AsyncIterator[T]:
        """Yield the rows of a list, page after page."""
        left: Mapping[str, object] | None = query
        while left is not None:
            page = await self.get(path, dict[str, Any], left)
            for row in page["results"]:
                yield parse(kind, row)
            # Use only the query of this URL. Its host may differ from the client's, and must not get the API key.
            left = dict(parse_qsl(urlsplit(page["next"]).query)) if page["next"] else None

    async def exchange(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        body: Callable[[], Mapping[str, object]] | None = None,
        query: Mapping[str, object] | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        is_repeatable: bool = True,
    ) -> Any:
        """Retry the call until its outcome is known, and return the answer. Each attempt gets its body from `body()`.

        `key` is not sent; OutcomeUnknown reports it.
        """
        while True:
            error: Exception
            try:
                return await self._attempt(method, path, deadline, body, query, headers)
            except httpx2.TransportError as lost:
                if not is_repeatable and not isinstance(lost, (httpx2.ConnectError, httpx2.ConnectTimeout)):
                    raise OutcomeUnknown(key) from lost
                error, retry_after = lost, None
            except ApiError as problem:
                if not is_temporary(problem):
                    raise
                error, retry_after = problem, problem.retry_after
            pause = deadline.next_pause(retry_after)
            if pause is None:
                raise OutcomeUnknown(key) from error
            await anyio.sleep(pause)

    async def _change(self, method: str, path: str, body: Mapping[str, object] | None, key: str | None) -> Any:
        """Make a call that takes effect once, however often it is repeated with this idempotency key."""
        sent = None if body is None else lambda: body
        key = key or str(uuid.uuid4())
        headers = {"Idempotency-Key": quoted(key)}
        return await self.exchange(method, path, Deadline(self._deadline), body=sent, key=key, headers=headers)

    async def _attempt(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        body: Callable[[], Mapping[str, object]] | None,
        query: Mapping[str, object] | None,
        headers: Mapping[str, str] | None,
    ) -> Any:
        response = await self._http.request(
            method,
            path,
            content=_json.write(body()) if body else None,
            params={name: _text(value) for name, value in (query or {}).items() if value is not None},
            headers={"Content-Type": "application/json", **(headers or {})},
            timeout=max(0.1, min(_ATTEMPT, deadline.remaining)),
        )
        if problem := error_of(response):
            raise problem
        try:
            return _json.read(response.content)
        except ValueError as error:
            raise UnexpectedAnswer(response.text) from error


def parse(kind: type[T], content: Any) -> T:
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        raise UnexpectedAnswer(content) from error


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
