"""Frames of every size and kind that a POS sends.

A test whose result may depend on the server program runs with each program; the same applies to the database.
"""

import json
import re
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.live.callers import records
from tests.live.callers.clients import Pos, connect, token_for
from tests.live.conftest import ON_EACH_COMBINATION, ON_EACH_DATABASE, ON_EACH_SERVER
from tests.live.stack.servers import Stack
from tests.live.stack.waiting import eventually

MEBIBYTE = 1024 * 1024
TOO_LARGE = 1009


def frame_of(size: int) -> str:
    """A JSON object of exactly this many bytes. It answers a request that was never sent."""
    bare = json.dumps({"RequestID": "none", "Padding": ""})
    return json.dumps({"RequestID": "none", "Padding": "x" * (size - len(bare))})


@ON_EACH_SERVER
@pytest.mark.parametrize("size", [MEBIBYTE - 1, MEBIBYTE])
def test_a_text_frame_of_up_to_a_mebibyte_is_accepted(stack: Stack, size: int) -> None:
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)) as pos:
        pos.send(frame_of(size))
        assert pos.is_open()
        eventually(lambda: records.unrecognised_frames(stack, outlet), what="the frame is recorded")
        assert pos.is_open()


@ON_EACH_SERVER
@pytest.mark.parametrize("frame", ["text", "bytes"])
def test_a_larger_frame_closes_the_connection_with_1009(stack: Stack, frame: str) -> None:
    outlet = stack.supply_outlet()
    text = frame_of(MEBIBYTE + 1)
    with connect(stack, token_for(stack, outlet)) as pos:
        pos.send(text if frame == "text" else text.encode())
        assert pos.wait_closed(5)[0] == TOO_LARGE
    # daphne's library waits only a second for the POS's close frame, which may take longer on a busy machine.
    reasons = [["too_large"]] if stack.server == "serve" else [["too_large"], ["link_lost"]]
    eventually(lambda: records.close_reasons(stack, outlet) in reasons)


@ON_EACH_COMBINATION
def test_unrecognised_frames_are_recorded_and_do_not_close_the_connection(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)) as pos:
        for frame in ("{not json", b"\x00\x01\x02", "[1, 2]", '"text"', json.dumps({"Hello": "world"})):
            pos.send(frame)
        eventually(lambda: len(records.unrecognised_frames(stack, outlet)) == 5)
        assert pos.is_open()
    kinds = [kind for kind, _, _ in records.unrecognised_frames(stack, outlet)]
    assert kinds == ["not_json", "binary", "not_an_object", "not_an_object", "unknown"]
    eventually(lambda: records.connections(stack, outlet)[0]["stray_frames"] == 5)


@ON_EACH_DATABASE
@pytest.mark.parametrize("frame", ["", "\x00", '{"a": "\\u0000"}', '{"a": "\\ud800"}', "[" * 50_000, "9" * 5_000])
def test_a_hostile_frame_does_no_harm(stack: Stack, frame: str) -> None:
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)) as pos:
        pos.send(frame)
        eventually(lambda: records.unrecognised_frames(stack, outlet), what="the frame is recorded")
        assert pos.is_open()


def test_the_stored_excerpt_of_a_frame_is_short_and_redacted(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    secretive = {"AuthSecret": outlet.auth_secret, "token": token, "PIN": "4711", "Rest": "x" * 100_000}
    with connect(stack, token) as pos:
        pos.send(json.dumps(secretive))
        pos.send(f"no json, but {outlet.auth_secret} and token={token}")
        eventually(lambda: len(records.unrecognised_frames(stack, outlet)) == 2)
    for _, size, excerpt in records.unrecognised_frames(stack, outlet):
        assert outlet.auth_secret not in excerpt
        assert token not in excerpt
        assert "4711" not in excerpt
        assert len(excerpt) < 5_000
        assert size > 0


@ON_EACH_DATABASE
def test_the_number_of_stored_unrecognised_frames_is_bounded(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)) as pos:
        for _ in range(160):
            pos.send("{not json")
        assert pos.is_open()
        eventually(lambda: 0 < len(records.unrecognised_frames(stack, outlet)) <= 50)
    eventually(lambda: records.connections(stack, outlet)[0]["stray_frames"] == 160)
    assert len(records.unrecognised_frames(stack, outlet)) <= 50


@ON_EACH_SERVER
def test_a_flood_closes_only_the_connection_that_sends_it(stack: Stack) -> None:
    outlet, other = stack.supply_outlet(), stack.supply_outlet()
    with (
        connect(stack, token_for(stack, outlet)) as pos,
        connect(stack, token_for(stack, other)) as bystander,
    ):
        flood(pos, "{}", 20_000)
        # daphne closes while the flood still arrives, so the TCP reset may overtake its close frame.
        assert pos.wait_closed(30)[0] in (flooding_code(stack), 1006 if stack.server == "daphne" else None)
        assert bystander.is_open()
    eventually(lambda: records.close_reasons(stack, outlet) == ["flooding"])


@ON_EACH_SERVER
def test_memory_stays_flat_under_a_flood_of_large_frames(stack: Stack) -> None:
    outlet, other = stack.supply_outlet(), stack.supply_outlet()
    before = resident_mebibytes(stack)
    with (
        connect(stack, token_for(stack, outlet)) as pos,
        connect(stack, token_for(stack, other)) as bystander,
    ):
        flood(pos, frame_of(MEBIBYTE), 200)
        assert pos.wait_closed(20)[0] == flooding_code(stack)
        assert bystander.is_open()
    assert resident_mebibytes(stack) - before < 64


def flood(pos: Pos, frame: str, times: int) -> None:
    try:
        for _ in range(times):
            pos.send(frame)
    except ConnectionClosed:
        return


def flooding_code(stack: Stack) -> int:
    """Return the close code for a flood. On daphne, an application can send only code 1000 or a code from 3000 up."""
    return 1008 if stack.server == "serve" else 1000


def resident_mebibytes(stack: Stack) -> int:
    status = Path(f"/proc/{stack.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) // 1024
