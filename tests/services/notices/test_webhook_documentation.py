"""The code that docs/webhooks.md gives to receivers works, and the document names every event."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from integrations.models.notice import Kind
from integrations.services.notices import signing
from tests.support.project import PROJECT

DOCUMENT = (PROJECT / "docs" / "webhooks.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
BODY = '{"type":"webhook.test","data":{"endpoint":"Küche"}}'.encode()

Receive = Callable[[str, bytes, dict[str, str]], Any]


def receive_of(program: str) -> Receive:
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102  (our own document)
    return names["receive"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("program", PROGRAMS, ids=["library", "by hand"])
def test_the_documented_program_takes_what_the_portal_signs_and_nothing_else(program: str) -> None:
    receive = receive_of(program)
    secret, older = signing.new_secret(), signing.new_secret()
    headers = signing.headers("evt_1", int(time.time()), BODY, [secret, older])
    assert receive(secret, BODY, headers) == receive(older, BODY, headers)
    assert receive(secret, BODY, headers)["data"] == {"endpoint": "Küche"}
    with pytest.raises(Exception, match=r"not from the portal|No matching signature"):
        receive(signing.new_secret(), BODY, headers)
    with pytest.raises(Exception, match=r"not from the portal|No matching signature"):
        receive(secret, BODY + b" ", headers)
    old = signing.headers("evt_1", int(time.time()) - 600, BODY, [secret])
    with pytest.raises(Exception, match="too old"):
        receive(secret, BODY, old)


def test_there_is_a_program_with_the_library_and_one_without() -> None:
    assert len(PROGRAMS) == 2


@pytest.mark.parametrize("kind", Kind.values)
def test_each_event_is_documented(kind: str) -> None:
    assert f"| `{kind}` |" in DOCUMENT
