"""Callers that try a wrong secret as fast as they can."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2

from tests.live.callers.clients import AUTH_PATH
from tests.live.stack.servers import Credentials, Stack

SERVER_BUSY = 503


@contextmanager
def guesses(
    stack: Stack, outlet: Credentials, secret: str, *, callers: int, address: Callable[[], str] | None = None
) -> Iterator[list[int]]:
    """Try this secret on the outlet from `callers` threads until the block ends; yield the list of status codes.

    `address` returns the X-Forwarded-For of each guess, for a server that trusts 127.0.0.1 as its proxy.
    """
    statuses: list[int] = []
    enough = threading.Event()

    def guess() -> None:
        with httpx2.Client(trust_env=False, verify=False, base_url=stack.base_url, timeout=30) as client:
            while not enough.is_set():
                headers = {"X-Forwarded-For": address()} if address else {}
                body = outlet.as_request() | {"AuthSecret": secret}
                statuses.append(client.post(AUTH_PATH, json=body, headers=headers).status_code)
                enough.wait(0.05 if statuses[-1] == SERVER_BUSY else 0)

    threads = [threading.Thread(target=guess) for _ in range(callers)]
    for each in threads:
        each.start()
    try:
        yield statuses
    finally:
        enough.set()
        for each in threads:
            each.join(30)
