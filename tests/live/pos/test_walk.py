"""The basic sequence on every server program and database: a POS connects, is disabled, and connects again."""

from collections.abc import Callable

import pytest

from tests.live.callers import records
from tests.live.callers.clients import authenticate, connect, handshake_refusal, token_for
from tests.live.conftest import COMBINATIONS
from tests.live.stack.servers import Stack
from tests.live.stack.waiting import eventually


@pytest.mark.parametrize("name", [*COMBINATIONS, "runserver-sqlite"])
def test_a_pos_connects_is_disabled_from_the_shell_and_connects_again(
    name: str, shared_stack: Callable[[str], Stack]
) -> None:
    stack = shared_stack(name)
    outlet = stack.enable_outlet("Walk")
    token = token_for(stack, outlet)
    with connect(stack, token) as pos:
        eventually(lambda: records.is_online(stack, outlet), what="the outlet is online")
        done = stack.manage("disable_outlet", outlet.provider_outlet_id, "--reason", "A walk")
        assert done.returncode == 0, done.stderr
        pos.wait_closed(timeout=2)

    assert handshake_refusal(stack, token).status in (401, 403)
    assert authenticate(stack, outlet).status_code == 403
    eventually(lambda: not records.is_online(stack, outlet), what="the outlet is offline")
    row = stack.outlet_row(outlet)
    assert (row["Enabled"], row["Online"]) == (False, False)

    stack.reenable(outlet)
    assert handshake_refusal(stack, token).status in (401, 403)
    with connect(stack, token_for(stack, outlet)) as pos:
        eventually(lambda: records.is_online(stack, outlet), what="the outlet is online again")
        row = stack.outlet_row(outlet)
        assert (row["Enabled"], row["Online"]) == (True, True)
        assert pos.is_open()
