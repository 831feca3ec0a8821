"""docs/asyncapi.yaml is valid AsyncAPI, and describes what a real server and a POS send."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from integrations import simulator
from integrations.simulator import till_messages, till_methods
from integrations.simulator.example import example_till
from integrations.wire.payloads.answer_models import type_name
from integrations.wire.payloads.examples import EXAMPLES
from tests.live.callers.backend import Backend
from tests.live.callers.clients import NODE_FOLDER, authenticate, connect, node_packages
from tests.live.stack.binaries import need
from tests.live.stack.servers import Stack
from tests.support.generated.asyncapi import FILE


def fits(message: str, content: Any) -> None:
    """Raise ValidationError unless `content` has the form that the document describes for this message's payload."""
    described = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    reference = {"$ref": f"#/components/messages/{message}/payload"}
    Draft202012Validator(described | reference).validate(content)


def test_the_asyncapi_parser_finds_neither_an_error_nor_a_warning() -> None:
    node_packages()
    command = [need("node"), "asyncapi.mjs", str(FILE)]
    done = subprocess.run(command, cwd=NODE_FOLDER, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_an_authentication_has_the_described_messages(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    fits("OrderNPayAuthTokenRequest", outlet.as_request())
    fits("OrderNPayAuthTokenResponse", authenticate(stack, outlet).json())


@pytest.mark.parametrize("model", EXAMPLES)
def test_the_frames_of_each_message_type_are_as_described(stack: Stack, model: str) -> None:
    name = type_name(model)
    outlet, backend, till = stack.supply_outlet(), Backend.of(stack), example_till()
    token = authenticate(stack, outlet).json()["AccessToken"]
    with connect(stack, token) as pos, ThreadPoolExecutor(1) as caller:
        asking = caller.submit(backend.ask, outlet, simulator.DEFAULT_NUMBERS[name], EXAMPLES[model])
        frame = str(pos.recv())
        fits(f"{name}Request", json.loads(frame))
        request = till_messages.read_request(frame)
        answer = till_messages.write_answer(request, till_methods.answer(till, request))
        fits(f"{name}Answer", json.loads(answer))
        pos.send(answer)
        assert asking.result().json()["outcome"] == "answered"


def test_the_frames_of_any_other_type_are_as_described(stack: Stack) -> None:
    outlet, backend = stack.supply_outlet(), Backend.of(stack)
    token = authenticate(stack, outlet).json()["AccessToken"]
    with connect(stack, token) as pos, ThreadPoolExecutor(1) as caller:
        asking = caller.submit(backend.ask, outlet, 77, {"Any": [1]})
        frame = json.loads(pos.recv())
        fits("OtherRequest", frame)
        answer = {"RequestID": frame["RequestID"], "ResultCode": 0}
        fits("OtherAnswer", answer)
        pos.send(json.dumps(answer))
        assert asking.result().json()["outcome"] == "answered"
