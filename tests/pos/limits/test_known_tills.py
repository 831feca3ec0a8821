"""Forty tills with adopted secrets get tokens while the Argon2id queue is full of guesses from changing addresses."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest import mock

from argon2 import PasswordHasher

from integrations.security import secret_digests
from integrations.services.connections import authentication
from integrations.services.connections.authentication import ADOPTED_WAITING
from tests.support.asgi_client import authenticate
from tests.support.factories import Enabled, make_enabled_outlet
from tests.support.in_process import InProcess, until

TILLS = 40
WRONG_SECRET = "a-wrong-guess"


class DuringAFlood(InProcess):
    def setUp(self) -> None:
        # The cost of Argon2id is not tested here, and forty hashes would take seconds.
        cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        self.enterContext(mock.patch.multiple(secret_digests, _hasher=cheap, _fingerprint=lambda secret, _key: secret))
        self.tills = {f"203.0.113.{number}": make_till(number) for number in range(1, TILLS + 1)}

    async def test_each_till_that_proved_its_secret_from_its_address_gets_a_token_and_an_unknown_one_does_not(
        self,
    ) -> None:
        assert await self.statuses() == [200] * TILLS
        async with guesses(self.tills["203.0.113.1"]):
            for _ in range(3):
                assert await self.statuses() == [200] * TILLS
            assert await status(self.tills["203.0.113.2"], "192.0.2.1") == 503

    async def statuses(self) -> list[int]:
        return [await status(till, address) for address, till in self.tills.items()]


def make_till(number: int) -> Enabled:
    return make_enabled_outlet(f"Till {number}", adopted_secret=f"sharedS3cr3t!-{number}")


async def status(till: Enabled, address: str, **changes: str) -> int:
    return (await authenticate(till.handover.as_wire() | changes, client=address)).status


@asynccontextmanager
async def guesses(till: Enabled) -> AsyncIterator[None]:
    """Fill the queue with guesses from different addresses; none is verified before the `with` block ends."""
    is_over = threading.Event()
    verify = secret_digests.verify_adopted

    def verify_later(secret: str, stored: str) -> bool:
        if secret == WRONG_SECRET:
            is_over.wait(30)
        return verify(secret, stored)

    with mock.patch.object(secret_digests, "verify_adopted", verify_later):
        guessing = [
            asyncio.ensure_future(status(till, f"198.51.100.{number}", AuthSecret=WRONG_SECRET))
            for number in range(1, ADOPTED_WAITING + 1)
        ]
        try:
            await until(lambda: authentication.other_callers.waiting == ADOPTED_WAITING)
            yield
        finally:
            is_over.set()
            assert set(await asyncio.gather(*guessing)) <= {401, 429}
