"""Hundreds of invalid attempts to open hand-over links use few threads, and POSes still authenticate."""

import asyncio
import re
import time
from pathlib import Path
from urllib.parse import urlencode

from tests.live.callers.clients import authenticate
from tests.live.conftest import NewStack
from tests.live.stack.servers import Stack

CONNECTIONS = 300


def test_three_hundred_invalid_openings_use_few_threads_and_do_not_delay_a_pos(new_stack: NewStack) -> None:
    stack = new_stack(env={"TRUSTED_PROXIES": "127.0.0.1"})
    outlet = stack.supply_outlet()

    async def scene() -> tuple[list[int], int, float]:
        flood = asyncio.gather(*(_open(stack, number) for number in range(CONNECTIONS)))
        most, slowest = 0, 0.0
        while not flood.done():
            began = time.monotonic()
            answer = await asyncio.to_thread(authenticate, stack, outlet)
            slowest = max(slowest, time.monotonic() - began)
            assert answer.status_code == 200
            most = max(most, _threads(stack))
        return await flood, most, slowest

    statuses, most, slowest = asyncio.run(asyncio.wait_for(scene(), 60))
    assert set(statuses) <= {403, 503}
    assert 403 in statuses
    assert most < 80
    assert slowest < 3


async def _open(stack: Stack, number: int) -> int:
    body = urlencode({"code": f"ONPH-{number}", "passphrase": "garbage"}).encode()
    head = (
        "POST /handover/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"X-Forwarded-For: 2001:db8:{number:x}::1\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    writer.write(head.encode() + body)
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


def _threads(stack: Stack) -> int:
    (found,) = re.findall(r"^Threads:\s+(\d+)$", Path(f"/proc/{stack.pid}/status").read_text(), re.MULTILINE)
    return int(found)
