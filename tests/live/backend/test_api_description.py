"""The OpenAPI document describes the server's answer to every request that schemathesis draws from it."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from integrations.models.api_key import Scope
from tests.backend.operations import operations as operations_described
from tests.live.callers.backend import Backend, pos_of
from tests.live.stack.servers import Credentials, Depot
from tests.live.stack.waiting import eventually

# The till's thread uses `random` in this process, for example for pings. Hypothesis believes that a strategy uses it.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CALLS = {each.id: each for each in operations_described()}
SPARE = (Scope.OUTLETS_WRITE, Scope.HANDOVER_WRITE)  # calls with these scopes act on the spare outlet
EXAMPLES = {"send_request": 100}  # number of calls to draw for an operation; 20 for any other
SENDABLE = {"message_type": 1, "device_id": "kiosk-1", "user_identifier": None, "validate": False}
LONGEST = 1  # seconds that a drawn request may wait


@pytest.fixture(scope="module")
def backend(depot: Depot) -> Iterator[Backend]:
    stack = depot.make("serve", env={"REQUESTS_QUEUED_PER_OUTLET": "20"})
    yield Backend.of(stack, *(f"--scope={scope}" for scope in Scope))
    stack.close()


@pytest.fixture(scope="module")
def session(backend: Backend) -> Iterator[requests.Session]:
    """A session that sends the API key and bypasses any proxy."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(backend.headers)
        yield session


@pytest.fixture(scope="module")
def operations(backend: Backend) -> Iterator[dict[str, Any]]:
    """Yield the operations by name. Their calls use a stored request and three outlets, one of them with a till."""
    outlet = backend.stack.supply_outlet()
    with pos_of(outlet):
        eventually(lambda: backend.is_online(outlet))
        answer = backend.ask(outlet, "GetOpenOrders")
        online = {"provider_outlet_id": outlet.provider_outlet_id, "request_uuid": answer.json()["id"]}
        online |= {"organisation_id": backend.get("organisations").json()["results"][0]["id"]}
        offline, spare = (online | {"provider_outlet_id": each.provider_outlet_id} for each in supplied(backend, 2))
        schema = schemathesis.openapi.from_dict(backend.get("schema?format=json").json())
        schema.config.update(base_url=backend.stack.base_url)
        schema.hook("map_path_parameters")(_pointed_at([online, online, offline], [spare, spare]))
        schema.hook("map_body")(_make_acceptable(spare))
        yield {
            operation.definition.raw["operationId"]: operation for operation in map(_read, schema.get_all_operations())
        }


def test_the_document_describes_every_call(operations: dict[str, Any]) -> None:
    assert sorted(operations) == sorted(CALLS)
    assert len(CALLS) > 20


# The simulated till's thread uses `random` in this process. Hypothesis blames a strategy for it.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
@pytest.mark.parametrize("call", CALLS)
def test_every_answer_is_one_that_the_document_describes(
    operations: dict[str, Any], session: requests.Session, call: str, mode: schemathesis.GenerationMode
) -> None:
    @settings(max_examples=EXAMPLES.get(call, 20), suppress_health_check=list(HealthCheck))
    @given(operations[call].as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case[Any]) -> None:
        answer = case.call_and_validate(session=session, checks=CHECKS)
        assert answer.status_code != 500  # a 500 is documented, but is always a fault of the portal

    check()


def _read(found: Any) -> Any:
    """Return the operation that schemathesis has read; raise AssertionError if its description is invalid."""
    assert not hasattr(found, "err"), found.err()
    return found.ok()


def supplied(backend: Backend, number: int) -> list[Credentials]:
    return [backend.stack.supply_outlet() for _ in range(number)]


def _is_spare(context: schemathesis.HookContext) -> bool:
    return context.operation is not None and CALLS[context.operation.definition.raw["operationId"]].scope in SPARE


def _pointed_at(known: list[dict[str, Any]], spare: list[dict[str, Any]]) -> Any:
    """Return a hook that replaces drawn path parameters with values of existing rows.

    The values come from `spare` if the call changes an outlet, otherwise from `known`. The hook uses the elements of
    the list in turn. After the last element, it leaves the path of one call as drawn, and starts again.
    """
    drawn = {True: itertools.cycle([*spare, None]), False: itertools.cycle([*known, None])}

    def replace(context: schemathesis.HookContext, given: dict[str, Any] | None) -> dict[str, Any] | None:
        found = next(drawn[_is_spare(context)])
        return {name: found.get(name, value) for name, value in given.items()} if given and found else given

    return replace


def _make_acceptable(spare: dict[str, Any]) -> Any:
    """Return a hook that changes drawn bodies, so that the portal can accept some of them.

    Two of three bodies get the fields of a valid request or the id of an existing organisation. Time-outs are limited.
    """
    drawn = itertools.count()

    def replace(context: schemathesis.HookContext, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        if _is_spare(context):
            known = {name: value for name, value in spare.items() if name == "organisation_id" and name in body}
            return body | known if next(drawn) % 3 else body
        if not isinstance(body.get("timeout", LONGEST), int):
            return body
        hasty = body | {"timeout": min(body.get("timeout", LONGEST), LONGEST)}
        return hasty | SENDABLE if next(drawn) % 3 else hasty

    return replace
