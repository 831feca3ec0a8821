"""Calls that follow the links of the OpenAPI document get only answers that the document describes.

schemathesis draws sequences of calls, for example: create an outlet, rotate its secret, send it a request, delete it.
The suite runs a few sequences, the same ones each time. The following command runs the test for two minutes; each
seed gives other sequences:

    API_SECONDS=120 API_SEED=1 script/test tests/live/backend/test_linked_calls.py
"""

import collections
import contextlib
import functools
import itertools
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from schemathesis.config import SchemathesisConfig

from integrations.models.api_key import Scope
from integrations.wire.endpoints import API_PATH
from tests.backend.operations import Operation, operations
from tests.live.backend.adjusted_calls import SEND, Adjustment
from tests.live.callers.backend import Backend, pos_of
from tests.live.stack.servers import Depot
from tests.live.stack.waiting import eventually
from tests.support.servers.receiver import receiver

# The simulated till's thread uses `random` in this process. Hypothesis blames a strategy for it.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

SECONDS = float(os.environ.get("API_SECONDS", "0"))
SEED = int(os.environ.get("API_SEED", "0"))
SEQUENCES, STEPS = 4, 30  # number and length of the sequences in script/test
EXAMPLES = 2  # sequences in one search by Hypothesis: first the shortest one, then a random one
UNLIMITED = {"API_CALLS_PER_SECOND": "100000", "API_CALLS_BURST": "100000", "WEBHOOK_ALLOW_PRIVATE": "true"}
# The portal refuses some values that match the schema: a name may be taken, a row may have been deleted, or an outlet
# may already be disabled.
WITHOUT = {"positive_data_acceptance": {"enabled": False}}
# For these calls, status 502, 503 or 504 reports the state of the POS or of the request, not an error of the portal.
OF_A_POS = {
    "include-operation-id": [SEND],
    "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "4xx", "502", "503", "504"]}},
}


@functools.cache
def calls_by_id() -> dict[str, Operation]:
    """Return all operations by id. Not computed on import, because every worker would spend seconds on it."""
    return {each.id: each for each in operations()}


@pytest.fixture(scope="module")
def backend(depot: Depot) -> Iterator[Backend]:
    stack = depot.make("serve", env=UNLIMITED)
    yield Backend.of(stack, *(f"--scope={scope}" for scope in Scope))
    stack.close()


@pytest.fixture(scope="module")
def machine(backend: Backend) -> Iterator[Any]:
    """A state machine that follows the document's links. Its calls reach a POS that is online."""
    online, spare = backend.stack.supply_outlet(), backend.stack.supply_outlet()
    with pos_of(online), receiver() as hooks, requests.Session() as session:
        session.trust_env = False  # no proxy
        session.headers.update(backend.headers)
        eventually(lambda: backend.is_online(online))
        config = SchemathesisConfig.from_dict({"checks": WITHOUT, "operations": [OF_A_POS]})
        schema = schemathesis.openapi.from_dict(backend.get("schema?format=json").json(), config=config)
        schema.config.update(base_url=backend.stack.base_url)
        organisation = backend.get("organisations").json()["results"][0]["id"]
        ids = {"online": online.provider_outlet_id, "spare": spare.provider_outlet_id}
        post = functools.partial(_post, backend)
        adjustment = Adjustment(calls_by_id(), post, **ids, organisation=organisation, url=hooks.url)
        calls = _machine(schema, session, adjustment)
        for each in calls_by_id().values():
            if each.method == "GET" and "{" not in each.path:  # no link leads to these calls, so make them here
                answer = schema[f"{API_PATH}{each.path}".rstrip("/")]["GET"].Case().call_and_validate(session=session)
                calls.answered[each.id, answer.status_code] += 1
        yield calls


def test_every_answer_is_one_that_the_document_describes(machine: Any) -> None:
    started = time.monotonic()
    for number in itertools.count():
        _search(machine, SEED + number)
        if number + 1 >= SEQUENCES and time.monotonic() - started >= SECONDS:
            break
    _report(machine.answered)
    if SECONDS >= 120:
        succeeded = {name for name, status in machine.answered if status < 300}
        assert calls_by_id().keys() - succeeded == set()


def _post(backend: Backend, path: str, content: Any) -> dict[str, Any]:
    answer: dict[str, Any] = backend.post(path, json.dumps(content)).json()
    return answer


def _search(machine: Any, seed: int) -> None:
    """Run some sequences of calls. If a call fails, raise its error.

    If Hypothesis repeats a sequence, it can end differently, because the rows of earlier sequences still exist. This
    difference is no fault of the portal, so it is ignored.
    """
    settings = hypothesis.settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    with contextlib.suppress(hypothesis.errors.FlakyStrategyDefinition):
        hypothesis.seed(seed)(machine).run(settings=settings)
    if machine.errors:
        raise machine.errors[0]


def _machine(schema: Any, session: requests.Session, adjustment: Adjustment) -> Any:
    class Calls(schema.as_state_machine()):  # type: ignore[misc]
        answered: collections.Counter[tuple[str, int]] = collections.Counter()
        # Keep each error: Hypothesis may hide it, and report only that a repeated sequence ended differently.
        errors: list[Exception] = []

        def step(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return super().step(*args, **kwargs)
            except hypothesis.errors.HypothesisException:
                raise
            except Exception as error:
                self.errors.append(error)
                raise

        def before_call(self, case: Any) -> None:
            adjustment.apply(case)

        def get_call_kwargs(self, _case: Any) -> dict[str, Any]:
            return {"session": session}

        def after_call(self, response: Any, case: Any) -> None:
            super().after_call(response, case)
            adjustment.learn(case, response)
            self.answered[case.operation.definition.raw["operationId"], response.status_code] += 1

    return Calls


def _report(answered: collections.Counter[tuple[str, int]]) -> None:
    for name in calls_by_id():
        statuses = {status: count for (each, status), count in sorted(answered.items()) if each == name}
        print(f"{name:32}", *(f"{status}: {count}" for status, count in statuses.items()))
