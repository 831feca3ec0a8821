"""A PIN reaches the POS even if the server is killed before it sends the request. No database file holds the PIN."""

import json
from pathlib import Path

import httpx2
import pytest

from tests.live.callers.backend import Backend, callers, requests_of
from tests.live.callers.clients import Pos, connect, token_for
from tests.live.conftest import NewStack
from tests.live.stack.servers import Stack
from tests.live.stack.waiting import eventually
from tests.support.constants import RECORD_INTERVAL, with_constants

# No other text in the files contains these digits, so a match can only be the PIN or the user identifier.
PIN, USER = "7351924680135", "8642097531864"
ASKED = f'{{"PIN":  "{PIN}"}}'
ANSWERED = f'{{"UserName": "Waiter", "UserPIN":"{PIN}" }}'


def files_with(stack: Stack, *secrets: str) -> list[str]:
    """Return the names of the embedded database's files (write-ahead log included) that contain any of these texts."""
    files = sorted(Path(stack.database_url.removeprefix("sqlite:///")).parent.glob("portal.sqlite3*"))
    assert "portal.sqlite3-wal" in [file.name for file in files]
    return [file.name for file in files for secret in secrets if secret.encode() in file.read_bytes()]


def answer_one(pos: Pos) -> str:
    """Answer the next frame with an answer that contains the PIN, and return the frame."""
    frame = str(pos.recv(20))
    values = {"RequestID": json.loads(frame)["RequestID"], "ResultCode": 0, "ErrorMessage": f"PIN={PIN}"}
    pos.send(f'{json.dumps(values)[:-1]}, "Payload": {ANSWERED}}}')
    return frame


@pytest.mark.parametrize("durable", [True, False])
def test_a_pin_reaches_the_pos_and_is_in_no_database_file(new_stack: NewStack, durable: bool) -> None:
    stack = new_stack("serve", env=with_constants({RECORD_INTERVAL: 0.05}) | {"LEASE_SECONDS": "3"})
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    asked = {"user_identifier": USER, "request_id": "r"}
    if durable:
        receipt = backend.ask(outlet, "GetUserFromPIN", ASKED, **asked, mode="async", expires_in=60)
        assert receipt.status_code == 202
        assert files_with(stack, PIN, USER) == []
        stack.kill()
        stack.start()
    with callers() as begin, connect(stack, token_for(stack, outlet)) as pos:
        eventually(lambda: backend.is_online(outlet))
        asking = begin(backend.ask, outlet, "GetUserFromPIN", ASKED, durable=durable, **asked)
        frame = answer_one(pos)
        first: httpx2.Response = asking.result(30)
    assert f'"Payload": {ASKED}' in frame
    assert f'"UserIdentifier": "{USER}"' in frame
    eventually(lambda: requests_of(stack, outlet), what="it is recorded")
    again = backend.ask(outlet, "GetUserFromPIN", ASKED, durable=durable, **asked)
    assert first.text == again.text
    assert first.text.endswith(f'"error_message": "PIN={PIN}", "payload": {ANSWERED}}}')
    assert files_with(stack, PIN, USER) == []
