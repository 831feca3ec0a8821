"""docs/asyncapi.yaml and the page about the protocol describe what the code does."""

import re

import pytest
import yaml

from integrations.models.connection import CloseReason
from integrations.pos.asyncapi import document
from integrations.pos.close_codes import CLOSE_CODES, LIBRARY_CLOSE_CODES
from integrations.wire.payloads.answer_models import type_name
from integrations.wire.payloads.examples import EXAMPLES
from integrations.wire.payloads.frames import ANSWER, FRAMES, REQUEST
from tests.support.generated.asyncapi import FILE, written
from tests.support.project import PROJECT


def test_the_file_is_what_the_code_describes() -> None:
    assert FILE.read_text(encoding="utf-8") == written(), "run script/asyncapi"


def test_it_has_a_request_and_an_answer_for_each_documented_message_type() -> None:
    messages = yaml.safe_load(FILE.read_text(encoding="utf-8"))["channels"]["socket"]["messages"]
    names = {type_name(model) for model in EXAMPLES} | {"Other"}
    assert set(messages) == {f"{name}{kind}" for name in names for kind in ("Request", "Answer")}


def test_it_lists_each_close_code() -> None:
    codes = {each["name"]: each["code"] for each in document()["channels"]["socket"]["x-close-codes"]}
    both = CLOSE_CODES | LIBRARY_CLOSE_CODES
    assert codes == {reason.value: code.default for reason, code in both.items()}
    assert (codes["protocol_error"], codes["too_large"]) == (1002, 1009)
    assert set(codes) <= set(CloseReason.values)


@pytest.mark.parametrize("frame", [REQUEST, ANSWER])
def test_the_page_has_each_field_of_a_frame_in_its_order(frame: str) -> None:
    table = (PROJECT / "docs/protocol.md").read_text().split(f"(`{frame}`)")[1].split("\n\n")[1]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+) \|$", table, re.MULTILINE)
    assert [(name, meaning) for name, _, _, meaning in rows] == [(each.name, each.meaning) for each in FRAMES[frame]]
    for field, (name, kind, presence, _) in zip(FRAMES[frame], rows, strict=True):
        assert kind.startswith(field.kind), name
        assert field.limit is None or kind.endswith(f"at most {field.limit}"), name
        assert (presence == "always") == field.required, name
