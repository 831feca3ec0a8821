"""Tills get tokens for adopted secrets; a flood of guesses does not lock out a till that has proved its secret."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from unittest import mock

import pytest
from django.utils import timezone

from integrations.models import Credential
from integrations.models.attempt import Outcome
from integrations.pos.access import exchange
from integrations.pos.access.visitors import Visitor
from integrations.pos.limits.proofs import Proofs
from integrations.security import secret_digests
from integrations.security.secret_digests import DUMMY_ARGON2ID
from integrations.services.connections import authentication
from integrations.services.connections.authentication import (
    ADOPTED_WAITING,
    Claim,
    digests_of,
    find_candidates,
    find_credentials,
    read_secret,
    verify_adopted,
    verify_generated,
)
from integrations.services.connections.errors import Busy, IntegrationDisabled, NotPaired, WrongSecret
from integrations.services.integration.enabling import change_pos_remote_id, disable
from integrations.services.integration.pos_secrets import end_overlap, rotate_secret
from tests.services.connections.entry_point import POS, THIEF, refusal
from tests.support.asgi_client import PosSocket
from tests.support.factories import ADOPTED, ANNA, make_enabled_outlet
from tests.support.in_process import InProcess, after_first_poll, in_main, recorded


class Adopted(InProcess):
    def setUp(self) -> None:
        self.harbour = make_enabled_outlet(adopted_secret=ADOPTED)
        self.candidates = find_candidates([self.harbour.handover.provider_outlet_id])[
            self.harbour.handover.provider_outlet_id
        ]

    async def test_an_adopted_secret_is_valid_only_in_its_exact_spelling(self) -> None:
        assert await exchange.issue_token(self.harbour.claim(), POS)
        for typed in (ADOPTED.upper(), ADOPTED.replace("S", "\u200bS"), "anotherS3cr3t!"):
            assert (await refusal(self.harbour.claim(secret=typed))).outcome == Outcome.WRONG_SECRET
        for typed in (f"{ADOPTED} ", f"{ADOPTED}\r\n", f"\ufeff{ADOPTED}", f"\u200b{ADOPTED}\u00ad"):
            assert await exchange.issue_token(self.harbour.claim(secret=typed), POS)

    async def test_an_adopted_secret_stored_untrimmed_by_an_older_version_still_works(self) -> None:
        stored = f"{ADOPTED}\u200b"
        digest = await in_main(secret_digests.digest_adopted, stored)
        await Credential.objects.aupdate(digest=digest.value)
        assert await exchange.issue_token(self.harbour.claim(secret=stored), POS)

    async def test_an_adopted_secret_is_valid_only_until_the_overlap_ends(self) -> None:
        new = await in_main(rotate_secret, self.harbour.integration, overlap="1h", actor=ANNA)
        assert await exchange.issue_token(self.harbour.claim(), POS)
        assert await exchange.issue_token(self.harbour.claim(secret=new.auth_secret), POS)
        await in_main(end_overlap, self.harbour.integration, actor=ANNA)
        assert (await refusal(self.harbour.claim())).outcome == Outcome.RETIRED_SECRET

    async def test_verifying_adopted_secrets_does_not_delay_generated_ones(self) -> None:
        station = await in_main(make_enabled_outlet, "Station")
        await exchange.issue_token(station.claim(), POS)
        slow = [asyncio.ensure_future(_verify(self.harbour.claim(), self.candidates)) for _ in range(12)]
        await asyncio.wait_for(exchange.issue_token(station.claim(), POS), 5)
        assert not slow[-1].done()
        await asyncio.gather(*slow)

    async def test_verifying_an_adopted_secret_does_not_block_the_event_loop(self) -> None:
        verifying = asyncio.ensure_future(_verify(self.harbour.claim(), self.candidates))
        turns = 0
        while not verifying.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 50

    async def test_a_flood_of_weak_secrets_gets_the_server_busy_error(self) -> None:
        station = await in_main(make_enabled_outlet, "Station")
        slow = [asyncio.ensure_future(_verify(self.harbour.claim(), self.candidates)) for _ in range(ADOPTED_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await _verify(self.harbour.claim(), self.candidates)
        assert await exchange.issue_token(station.claim(), POS)
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    async def test_a_secret_of_another_form_costs_the_same_for_an_outlet_that_does_not_exist(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(WrongSecret):
            await _verify(self.harbour.claim(secret="anotherS3cr3t!"), self.candidates)
        known = loop.time() - began
        began = loop.time()
        with pytest.raises(WrongSecret):
            await _verify(self.harbour.claim(secret="anotherS3cr3t!"), [])
        unknown = loop.time() - began
        assert unknown > known / 5
        assert DUMMY_ARGON2ID.split("$")[:4] == self.candidates[0].digest.split("$")[:4]


async def _verify(claim: Claim, candidates: list[authentication.Candidate]) -> authentication.Candidate:
    canonical = read_secret(claim)
    if canonical is None:
        return await verify_adopted(claim, candidates)
    return verify_generated(claim, next(iter(find_credentials([digests_of(canonical)]).values()), None))


class AdoptedDuringAFlood(InProcess):
    """The queue for Argon2id verifications is full of guesses."""

    def setUp(self) -> None:
        self.harbour = make_enabled_outlet(adopted_secret=ADOPTED)

    @contextlib.asynccontextmanager
    async def flood(self) -> AsyncIterator[None]:
        with mock.patch.object(authentication.other_callers, "waiting", ADOPTED_WAITING):
            yield

    async def verified(self, claim: Claim, visitor: Visitor = POS) -> int:
        """Assert that this claim gets a token, and return the number of slow verifications."""
        with mock.patch.object(secret_digests, "verify_adopted", wraps=secret_digests.verify_adopted) as slow:
            assert await exchange.issue_token(claim, visitor)
        return slow.call_count

    async def test_only_a_till_that_proved_the_secret_from_this_address_is_admitted(self) -> None:
        assert await self.verified(self.harbour.claim()) == 1
        async with self.flood():
            assert await self.verified(self.harbour.claim()) == 0
            assert isinstance(await refusal(self.harbour.claim(), THIEF), Busy)
            assert isinstance(await refusal(self.harbour.claim(secret="anotherS3cr3t!")), Busy)

    async def test_a_proof_holds_for_every_address_of_the_ipv6_network(self) -> None:
        assert await self.verified(self.harbour.claim(), Visitor("2001:db8:1:2::7", "")) == 1
        assert await self.verified(self.harbour.claim(), Visitor("2001:db8:1:2::8", "")) == 0
        assert await self.verified(self.harbour.claim(), Visitor("2001:db8:1:3::7", "")) == 1

    async def test_a_proof_is_voided_with_its_secret(self) -> None:
        await self.verified(self.harbour.claim())
        # As if another process had changed the secret, and its notification had not arrived here yet.
        await Credential.objects.aupdate(expires_at=timezone.now(), is_current=False)
        assert (await refusal(self.harbour.claim())).outcome == Outcome.RETIRED_SECRET
        await Credential.objects.aupdate(expires_at=None, retired_at=timezone.now())
        assert (await refusal(self.harbour.claim())).outcome == Outcome.RETIRED_SECRET

    async def test_other_errors_are_still_found(self) -> None:
        await self.verified(self.harbour.claim())
        assert isinstance(await refusal(self.harbour.claim(pos_remote_id="other")), NotPaired)
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        assert isinstance(await refusal(self.harbour.claim()), IntegrationDisabled)

    async def test_a_staff_change_that_keeps_the_secret_valid_keeps_the_proof(self) -> None:
        await self.verified(self.harbour.claim())
        await in_main(change_pos_remote_id, self.harbour.integration, pos_remote_id="Bella-9", actor=ANNA)
        await (await after_first_poll()).watcher.poll()
        async with self.flood():
            assert await self.verified(self.harbour.claim(pos_remote_id="Bella-9")) == 0

    async def test_after_a_restart_a_till_from_the_address_of_its_last_connection_has_a_queue_of_its_own(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        async with PosSocket(token) as pos:
            await pos.connect()
            await recorded()
            exchange.proofs = Proofs()
            async with self.flood():
                assert await self.verified(self.harbour.claim()) == 1
                assert isinstance(await refusal(self.harbour.claim(), THIEF), Busy)
            await pos.disconnect()
