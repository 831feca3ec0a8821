"""Creates and enables outlets, rotates their secrets, disables half the outlets, counts events, checks one outlet.

A second run with the same name makes no further changes, because every call repeats its idempotency key.

    PORTAL_URL=http://127.0.0.1:8000 PORTAL_API_KEY=ONPK-... python onboard.py "Osteria Mare" 1000
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from order_n_pay import AsyncClient, errors
from order_n_pay.models import OutletDisabledEvent, OutletEnabledEvent, SecretRotatedEvent

AT_ONCE = 8  # calls at the same time; the client waits when the limit of the key is reached
LONGEST_WAIT = 60  # seconds; the longest wait for the events of all changes, which usually takes a few seconds


@dataclass
class Onboarding:
    """The outlets of one organisation, which are named after it and numbered."""

    client: AsyncClient
    name: str
    count: int

    def outlet_id(self, number: int) -> str:
        return f"{self.name.lower().replace(' ', '-')}-{number:04}"

    def key(self, step: str, number: int = 0) -> str:
        return f"onboard {self.outlet_id(number)} {step}"

    async def create(self) -> dict[str, str]:
        """Create the outlets, and return the secret of each."""
        organisation = await self.client.organisations.create(name=self.name, idempotency_key=self.key("organisation"))
        secrets: dict[str, str] = {}

        async def create_one(number: int) -> None:
            outlet = await self.client.outlets.create(
                organisation_id=organisation.id,
                name=f"Outlet {number}",
                provider_outlet_id=self.outlet_id(number),
                pos_remote_id=f"PE-{self.outlet_id(number)}",
                idempotency_key=self.key("create", number),
            )
            assert outlet.handover, "an outlet with a POSRemoteID is enabled"  # noqa: S101
            secrets[outlet.provider_outlet_id] = outlet.handover.AuthSecret

        await in_turn(create_one, range(self.count))
        return secrets

    async def rotate(self) -> dict[str, str]:
        """Rotate each secret with an overlap, and return the new ones."""
        secrets: dict[str, str] = {}

        async def rotate_one(number: int) -> None:
            key = self.key("rotate", number)
            outlet = await self.client.outlets.rotate_secret(self.outlet_id(number), overlap="24h", idempotency_key=key)
            secrets[outlet.provider_outlet_id] = outlet.handover.AuthSecret

        await in_turn(rotate_one, range(self.count))
        return secrets

    async def disable_half(self) -> int:
        async def disable_one(number: int) -> None:
            key = self.key("disable", number)
            await self.client.outlets.disable(self.outlet_id(number), reason="not open yet", idempotency_key=key)

        await in_turn(disable_one, self.half)
        return len(self.half)

    @property
    def half(self) -> range:
        return range(0, self.count, 2)

    async def events(self) -> Counter[str]:
        """Wait for the events of all changes to these outlets, and return the number of events of each type."""
        found: Counter[str] = Counter()
        outlets = {self.outlet_id(number) for number in range(self.count)}
        after: int | None = None
        for _ in range(LONGEST_WAIT):
            async for event in self.client.events.list(after=after, page_size=200):
                after = event.id
                if (
                    isinstance(event, OutletEnabledEvent | OutletDisabledEvent | SecretRotatedEvent)
                    and event.data.outlet.provider_outlet_id in outlets
                ):
                    found[event.type] += 1
            if found.total() >= 2 * self.count + len(self.half):
                break
            await asyncio.sleep(1)
        return found

    async def why_not_connected(self) -> str:
        """Return the check's sentence about the last outlet, and the outcome of its POS's last authentication."""
        outlet = self.outlet_id(self.count - 1)
        check = await self.client.outlets.check(outlet)
        attempts = [attempt.outcome async for attempt in self.client.outlets.attempts(outlet)]
        return f"{check.sentence} Last attempt: {attempts[0] if attempts else 'none'}."


async def in_turn(act: Callable[[int], Awaitable[None]], numbers: range) -> None:
    """Call `act` with each number, a few at once."""
    left = iter(numbers)

    async def work() -> None:
        for number in left:
            await act(number)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def main(name: str, count: int) -> None:
    async with AsyncClient(os.environ["PORTAL_URL"], os.environ["PORTAL_API_KEY"]) as client:
        onboarding = Onboarding(client, name, count)
        first = await onboarding.create()
        second = await onboarding.rotate()
        print("created:", len(first), "rotated:", sum(second[outlet] != first[outlet] for outlet in first))
        print("disabled:", await onboarding.disable_half())
        events = await onboarding.events()
        print("events:", *(f"{kind} {events[kind]}" for kind in sorted(events)))
        print("check:", await onboarding.why_not_connected())


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], int(sys.argv[2])))
    except errors.OrderNPayError as error:
        sys.exit(f"onboard: {error}")
