"""Helpers that read a problem, find an answer's request, poll the database, and count waiting calls."""

from integrations.backend.base import problem_schema
from integrations.models import Request
from integrations.relay import runtime
from tests.support.asgi_client import Answer
from tests.support.in_process import in_main


def kind_of(answer: Answer) -> str:
    """Return the last part of a problem's type."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status
    for schema in problem_schema.components().values():
        if schema["properties"].get("type", {}).get("const") == problem["type"]:
            assert set(problem) <= set(schema["properties"]), "The description of the problem lacks a member."
    return str(problem["type"].removeprefix("urn:order-n-pay:problem:"))


async def row_of(answer: Answer) -> Request:
    return await in_main(Request.objects.get, uuid=answer.json()["id"])


async def poll() -> None:
    """Poll the database, as the watcher does every second."""
    await (await runtime.running()).dispatcher.poll()


def waiting_calls() -> int:
    running = runtime.current()
    assert running is not None
    return sum(len(futures) for futures in running.dispatcher._waiters._waiting.values())
