"""Who gets a token and what it opens: asked at the door itself, without HTTP in between."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from unittest import mock

import pytest
import time_machine
from django.conf import settings
from django.db import OperationalError, connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import AuditEvent, AuthAttempt, Credential, Integration
from integrations.models.attempt import Door, Outcome
from integrations.pos import tokens
from integrations.pos.access import admission, attempts, exchange
from integrations.pos.access.refusals import BadToken, NoToken, PortalRestarting, PortalUnavailable, TooManyFailures
from integrations.pos.access.visitors import Visitor
from integrations.pos.limits.proofs import Proofs
from integrations.pos.limits.throttle import Sampler, Tarpit, Throttle
from integrations.pos.tokens import Token
from integrations.relay import runtime
from integrations.relay.records import record_writer
from integrations.relay.records.batch import Attempt
from integrations.security import secret_digests
from integrations.security.secret_digests import DUMMY_ARGON2ID, SecretKind, generate
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
from integrations.services.connections.errors import (
    Busy,
    IntegrationDisabled,
    MistypedSecret,
    NotPaired,
    Refused,
    WrongSecret,
)
from integrations.services.integration.enabling import change_pos_remote_id, disable, enable_outlet, reenable
from integrations.services.integration.pos_secrets import end_overlap, rotate_secret
from integrations.services.rows.threads import Joined, readers
from integrations.text.characters import trimmed
from tests.support.asgi_client import PosSocket
from tests.support.factories import ADOPTED, ANNA, STATION, Enabled, make_enabled_outlet, make_outlet
from tests.support.in_process import InProcess, after_first_look, in_main, recorded
from tests.support.tables import table_away

POS = Visitor("198.51.100.7", "PowerEPOS/8.1")
THIEF = Visitor("203.0.113.66", "curl/8")
NEW_KEY = "another-key-of-the-server" * 3


async def refusal(claim: Claim, visitor: Visitor = POS) -> Refused:
    """Return how the door refuses a claim."""
    with pytest.raises(Refused) as refused:
        await exchange.issue_token(claim, visitor)
    return refused.value


async def refused_admission(token: str | None) -> Refused:
    with pytest.raises(Refused) as refused:
        await admission.admit(token, POS)
    return refused.value


def outcomes() -> list[str]:
    return list(AuthAttempt.objects.order_by("pk").values_list("outcome", flat=True))


class AtTheEntryPoint(InProcess):
    def setUp(self) -> None:
        self.harbour = make_enabled_outlet()


class Exchanging(AtTheEntryPoint):
    async def test_the_three_values_are_exchanged_for_a_token(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        credential = await in_main(self.harbour.integration.current_credential)
        assert tokens.read(token) == Token(self.harbour.integration.pk, credential.pk, 1)

    async def test_a_secret_may_be_typed_in_lower_case_and_without_hyphens(self) -> None:
        typed = self.harbour.handover.auth_secret.lower().replace("-", " ")
        assert await exchange.issue_token(self.harbour.claim(secret=typed), POS)

    async def test_an_unknown_outlet_and_a_wrong_secret_are_refused_with_the_same_words(self) -> None:
        wrong = await refusal(self.harbour.claim(secret=generate(SecretKind.POS_SECRET)))
        unknown = await refusal(self.harbour.claim(provider_outlet_id="nobody"))
        assert isinstance(wrong, WrongSecret)
        assert isinstance(unknown, WrongSecret)
        assert str(wrong) == str(unknown) == "The auth secret was not valid!"

    async def test_staff_see_which_of_the_two_it_was(self) -> None:
        await refusal(self.harbour.claim(secret=generate(SecretKind.POS_SECRET)))
        await refusal(self.harbour.claim(provider_outlet_id="nobody"))
        await recorded()
        assert await in_main(outcomes) == [Outcome.WRONG_SECRET, Outcome.UNKNOWN_OUTLET]

    async def test_the_secret_of_another_outlet_is_wrong(self) -> None:
        other = await in_main(make_enabled_outlet, "Station")
        refused = await refusal(self.harbour.claim(secret=other.handover.auth_secret))
        assert refused.outcome == Outcome.WRONG_SECRET

    async def test_a_uuid_is_compared_by_its_value(self) -> None:
        uuid = self.harbour.handover.provider_outlet_id
        for typed in (uuid.upper(), f"{{{uuid}}}", f"({uuid.upper()})", uuid.replace("-", ""), f"urn:uuid:{uuid}"):
            assert await exchange.issue_token(self.harbour.claim(provider_outlet_id=typed), POS)

    async def test_another_id_is_compared_letter_by_letter(self) -> None:
        for stored, sent in (("Store-7", "store-7"), ("0042", "42"), ("a1b2", "A1B2"), ("7 8", "7  8")):
            garden = await in_main(self.make_garden, stored)
            assert isinstance(await refusal(garden.claim(provider_outlet_id=sent)), WrongSecret)
            assert await exchange.issue_token(garden.claim(), POS)

    async def test_a_uuid_of_the_provider_s_own_keeps_its_spelling_and_is_compared_by_its_value(self) -> None:
        garden = await in_main(self.make_garden, "7AB4DA81-D75B-4239-9AAC-BDC0D2FB8F9A")
        assert garden.handover.provider_outlet_id == "7AB4DA81-D75B-4239-9AAC-BDC0D2FB8F9A"
        assert await exchange.issue_token(garden.claim(provider_outlet_id="7ab4da81d75b42399aacbdc0d2fb8f9a"), POS)

    async def test_a_pos_remote_id_that_is_a_uuid_is_compared_by_its_value_too(self) -> None:
        remote = "7ab4da81-d75b-4239-9aac-bdc0d2fb8f9a"
        garden = await in_main(make_enabled_outlet, "Garden", pos_remote_id=remote)
        assert await exchange.issue_token(garden.claim(pos_remote_id=f"{{{remote.upper()}}}"), POS)

    async def test_what_an_older_version_stored_with_hidden_characters_goes_on_working(self) -> None:
        for number, stored in enumerate(("abc\u200b", "a\u200bbc", "\u202eabc", "abc")):
            garden = await in_main(self.make_garden, f"old-{number}")
            outlet = garden.integration.outlet
            outlet.provider_outlet_id = stored
            await outlet.asave()
            await Integration.objects.filter(outlet=outlet).aupdate(pos_remote_id=f"{stored}\u00ad")
            claim = garden.claim(provider_outlet_id=trimmed(stored), pos_remote_id=stored)
            assert await exchange.issue_token(claim, POS), stored

    async def test_what_is_sent_in_another_spelling_counts_as_the_same_outlet_s_failures(self) -> None:
        exchange.tarpit = Tarpit(seconds=0)
        station = await in_main(make_enabled_outlet, "Station", adopted_secret=ADOPTED)
        uuid = station.handover.provider_outlet_id
        for typed in (uuid.upper(), f"{{{uuid}}}", uuid.replace("-", ""), uuid, f"({uuid})") * 2:
            await refusal(station.claim(provider_outlet_id=typed, secret=generate(SecretKind.POS_SECRET)), THIEF)
        assert isinstance(await refusal(station.claim(), THIEF), TooManyFailures)

    def make_garden(self, provider_outlet_id: str) -> Enabled:
        outlet = make_outlet(f"Garden {provider_outlet_id}", provider_outlet_id=provider_outlet_id)
        handover = enable_outlet(outlet, pos_remote_id=f"Bella-{provider_outlet_id}", actor=ANNA)
        return Enabled(Integration.objects.select_related("outlet").get(outlet=outlet), handover)

    async def test_a_generated_secret_is_good_with_hidden_characters_anywhere(self) -> None:
        secret = self.harbour.handover.auth_secret
        spaced = secret.replace("-", "\u200b-\u00a0")
        hyphens = secret.replace("-", "\u2011")
        for typed in (f"{secret}\r\n", f"\ufeff{secret}", spaced, hyphens, f"\u202a{secret}\u202c"):
            assert await exchange.issue_token(self.harbour.claim(secret=typed), POS)

    async def test_a_mistyped_secret_is_told_to_be_mistyped_whether_or_not_the_outlet_exists(self) -> None:
        typed = generate(SecretKind.POS_SECRET)[:-1]
        for claim in (self.harbour.claim(secret=typed), self.harbour.claim(secret=typed, provider_outlet_id="nobody")):
            assert isinstance(await refusal(claim), MistypedSecret)

    async def test_who_does_not_know_the_secret_learns_nothing_of_pairing_and_enabling(self) -> None:
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        refused = await refusal(self.harbour.claim(pos_remote_id="other", secret=generate(SecretKind.POS_SECRET)))
        assert isinstance(refused, WrongSecret)

    async def test_who_proves_the_secret_learns_that_the_pos_remote_id_does_not_match(self) -> None:
        for remote in ("other", self.harbour.handover.pos_remote_id.lower()):
            refused = await refusal(self.harbour.claim(pos_remote_id=remote))
            assert isinstance(refused, NotPaired)
            assert "POSRemoteID" in str(refused)

    async def test_who_proves_the_secret_learns_that_the_integration_is_disabled(self) -> None:
        await in_main(disable, self.harbour.integration, reason="unpaid bill", actor=ANNA)
        refused = await refusal(self.harbour.claim())
        assert isinstance(refused, IntegrationDisabled)
        assert "unpaid" not in str(refused)

    async def test_an_integration_that_is_enabled_again_lets_its_pos_in(self) -> None:
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        await in_main(reenable, self.harbour.integration, actor=ANNA)
        assert await exchange.issue_token(self.harbour.claim(), POS)

    async def test_a_corrected_pos_remote_id_counts_at_once(self) -> None:
        await in_main(change_pos_remote_id, self.harbour.integration, pos_remote_id="right", actor=ANNA)
        assert isinstance(await refusal(self.harbour.claim()), NotPaired)
        assert await exchange.issue_token(self.harbour.claim(pos_remote_id="right"), POS)


class Rotating(AtTheEntryPoint):
    async def test_without_overlap_only_the_new_secret_is_good(self) -> None:
        new = await in_main(rotate_secret, self.harbour.integration, actor=ANNA)
        assert await exchange.issue_token(self.harbour.claim(secret=new.auth_secret), POS)
        refused = await refusal(self.harbour.claim())
        assert (type(refused), refused.outcome) == (WrongSecret, Outcome.RETIRED_SECRET)

    async def test_within_the_overlap_both_are_good(self) -> None:
        new = await in_main(rotate_secret, self.harbour.integration, overlap="1h", actor=ANNA)
        assert await exchange.issue_token(self.harbour.claim(), POS)
        assert await exchange.issue_token(self.harbour.claim(secret=new.auth_secret), POS)

    async def test_after_the_overlap_only_the_new_secret_is_good(self) -> None:
        new = await in_main(rotate_secret, self.harbour.integration, overlap="1h", actor=ANNA)
        with time_machine.travel(_in_two_hours(), tick=False):
            assert (await refusal(self.harbour.claim())).outcome == Outcome.RETIRED_SECRET
            assert await exchange.issue_token(self.harbour.claim(secret=new.auth_secret), POS)

    async def test_an_overlap_that_was_ended_ends_at_once(self) -> None:
        await in_main(rotate_secret, self.harbour.integration, overlap="7d", actor=ANNA)
        token = await exchange.issue_token(self.harbour.claim(), POS)
        await in_main(end_overlap, self.harbour.integration, actor=ANNA)
        assert (await refusal(self.harbour.claim())).outcome == Outcome.RETIRED_SECRET
        assert (await refused_admission(token)).outcome == Outcome.TOKEN_VOID

    async def test_a_secret_proved_under_an_older_key_is_kept_under_the_new_one_from_then_on(self) -> None:
        with override_settings(**_new_key()):
            assert await exchange.issue_token(self.harbour.claim(), POS)
            await recorded()
        with override_settings(CREDENTIAL_KEY=NEW_KEY, CREDENTIAL_KEY_FALLBACKS=[]):
            assert await exchange.issue_token(self.harbour.claim(), POS)

    async def test_staff_see_that_a_secret_is_kept_under_a_key_that_is_gone(self) -> None:
        with override_settings(CREDENTIAL_KEY=NEW_KEY, CREDENTIAL_KEY_FALLBACKS=[]):
            assert isinstance(await refusal(self.harbour.claim()), WrongSecret)
            await recorded()
        row = await AuthAttempt.objects.aget()
        assert (row.outcome, row.integration_id) == (Outcome.UNKNOWN_KEY, self.harbour.integration.pk)


class Adopted(InProcess):
    def setUp(self) -> None:
        self.harbour = make_enabled_outlet(adopted_secret=ADOPTED)
        self.candidates = find_candidates([self.harbour.handover.provider_outlet_id])[
            self.harbour.handover.provider_outlet_id
        ]

    async def test_an_adopted_secret_is_good_as_it_is_and_in_no_other_spelling(self) -> None:
        assert await exchange.issue_token(self.harbour.claim(), POS)
        for typed in (ADOPTED.upper(), ADOPTED.replace("S", "\u200bS"), "anotherS3cr3t!"):
            assert (await refusal(self.harbour.claim(secret=typed))).outcome == Outcome.WRONG_SECRET
        for typed in (f"{ADOPTED} ", f"{ADOPTED}\r\n", f"\ufeff{ADOPTED}", f"\u200b{ADOPTED}\u00ad"):
            assert await exchange.issue_token(self.harbour.claim(secret=typed), POS)

    async def test_an_adopted_secret_that_an_older_version_stored_with_its_edges_goes_on_working(self) -> None:
        stored = f"{ADOPTED}\u200b"
        digest = await in_main(secret_digests.digest_adopted, stored)
        await Credential.objects.aupdate(digest=digest.value)
        assert await exchange.issue_token(self.harbour.claim(secret=stored), POS)

    async def test_an_adopted_secret_is_good_while_a_generated_one_replaces_it_and_not_longer(self) -> None:
        new = await in_main(rotate_secret, self.harbour.integration, overlap="1h", actor=ANNA)
        assert await exchange.issue_token(self.harbour.claim(), POS)
        assert await exchange.issue_token(self.harbour.claim(secret=new.auth_secret), POS)
        await in_main(end_overlap, self.harbour.integration, actor=ANNA)
        assert (await refusal(self.harbour.claim())).outcome == Outcome.RETIRED_SECRET

    async def test_verifying_adopted_secrets_does_not_hold_the_generated_ones_up(self) -> None:
        station = await in_main(make_enabled_outlet, "Station")
        await exchange.issue_token(station.claim(), POS)
        slow = [asyncio.ensure_future(_verify(self.harbour.claim(), self.candidates)) for _ in range(12)]
        await asyncio.wait_for(exchange.issue_token(station.claim(), POS), 5)
        assert not slow[-1].done()
        await asyncio.gather(*slow)

    async def test_the_event_loop_goes_on_while_an_adopted_secret_is_verified(self) -> None:
        verifying = asyncio.ensure_future(_verify(self.harbour.claim(), self.candidates))
        turns = 0
        while not verifying.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 50

    async def test_a_flood_of_weak_secrets_is_told_that_the_server_is_busy(self) -> None:
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


class AdoptedInAFlood(InProcess):
    """The queue of Argon2id is full of guesses."""

    def setUp(self) -> None:
        self.harbour = make_enabled_outlet(adopted_secret=ADOPTED)

    @contextlib.asynccontextmanager
    async def flood(self) -> AsyncIterator[None]:
        with mock.patch.object(authentication.strangers, "waiting", ADOPTED_WAITING):
            yield

    async def verified(self, claim: Claim, visitor: Visitor = POS) -> int:
        """Return how many slow verifications it takes to get in."""
        with mock.patch.object(secret_digests, "verify_adopted", wraps=secret_digests.verify_adopted) as slow:
            assert await exchange.issue_token(claim, visitor)
        return slow.call_count

    async def test_who_proved_the_secret_from_this_address_gets_in_and_nobody_else_does(self) -> None:
        assert await self.verified(self.harbour.claim()) == 1
        async with self.flood():
            assert await self.verified(self.harbour.claim()) == 0
            assert isinstance(await refusal(self.harbour.claim(), THIEF), Busy)
            assert isinstance(await refusal(self.harbour.claim(secret="anotherS3cr3t!")), Busy)

    async def test_whatever_address_of_an_ipv6_network_it_has(self) -> None:
        assert await self.verified(self.harbour.claim(), Visitor("2001:db8:1:2::7", "")) == 1
        assert await self.verified(self.harbour.claim(), Visitor("2001:db8:1:2::8", "")) == 0
        assert await self.verified(self.harbour.claim(), Visitor("2001:db8:1:3::7", "")) == 1

    async def test_a_proof_is_void_at_once_when_the_secret_is(self) -> None:
        await self.verified(self.harbour.claim())
        # As another process would, of which this one has not heard yet.
        await Credential.objects.aupdate(expires_at=timezone.now(), is_current=False)
        assert (await refusal(self.harbour.claim())).outcome == Outcome.RETIRED_SECRET
        await Credential.objects.aupdate(expires_at=None, retired_at=timezone.now())
        assert (await refusal(self.harbour.claim())).outcome == Outcome.RETIRED_SECRET

    async def test_what_else_is_wrong_is_found_as_ever(self) -> None:
        await self.verified(self.harbour.claim())
        assert isinstance(await refusal(self.harbour.claim(pos_remote_id="other")), NotPaired)
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        assert isinstance(await refusal(self.harbour.claim()), IntegrationDisabled)

    async def test_a_change_by_staff_that_leaves_the_secret_valid_leaves_the_proof(self) -> None:
        await self.verified(self.harbour.claim())
        await in_main(change_pos_remote_id, self.harbour.integration, pos_remote_id="Bella-9", actor=ANNA)
        await (await after_first_look()).watcher.look()
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
            await pos.hang_up()


class Throttled(AtTheEntryPoint):
    def setUp(self) -> None:
        super().setUp()
        exchange.tarpit = Tarpit(seconds=0)

    async def guess(self, times: int, visitor: Visitor = THIEF, **changes: str) -> None:
        for _ in range(times):
            await refusal(self.harbour.claim(secret=generate(SecretKind.POS_SECRET), **changes), visitor)

    async def test_a_generated_secret_that_is_right_gets_in_whatever_was_guessed_from_its_address(self) -> None:
        await self.guess(30)
        assert isinstance(
            await refusal(self.harbour.claim(secret=generate(SecretKind.POS_SECRET)), THIEF), TooManyFailures
        )
        assert await exchange.issue_token(self.harbour.claim(), THIEF)

    async def test_the_same_holds_when_all_outlets_were_tried_from_its_address(self) -> None:
        with override_settings(AUTH_FAILURES_PER_ADDRESS=5):
            await self.go_from_outlet_to_outlet()
            await self.guess(12)
            assert await exchange.issue_token(
                self.harbour.claim(secret=f"{self.harbour.handover.auth_secret}\n"), THIEF
            )

    async def test_who_proved_a_generated_secret_is_told_what_else_is_wrong_although_the_pair_is_blocked(self) -> None:
        await self.guess(12)
        assert isinstance(await refusal(self.harbour.claim(pos_remote_id="other"), THIEF), NotPaired)

    async def test_past_the_limit_even_the_right_adopted_secret_has_to_wait(self) -> None:
        station = await in_main(make_enabled_outlet, STATION, adopted_secret=ADOPTED)
        assert await exchange.issue_token(station.claim(), THIEF)
        for _ in range(10):
            await refusal(station.claim(secret=generate(SecretKind.POS_SECRET)), THIEF)
        refused = await refusal(station.claim(), THIEF)
        assert isinstance(refused, TooManyFailures)
        assert refused.retry_after is not None
        assert 14 < refused.retry_after <= 15

    async def test_the_real_pos_gets_in_from_another_address_all_the_while(self) -> None:
        await self.guess(30)
        assert await exchange.issue_token(self.harbour.claim(), POS)

    async def test_when_the_wait_is_over_the_right_adopted_secret_gets_in(self) -> None:
        station = await in_main(make_enabled_outlet, STATION, adopted_secret=ADOPTED)
        now = [0.0]
        exchange.throttle = Throttle(lambda: now[0])
        for _ in range(10):
            await refusal(station.claim(secret=generate(SecretKind.POS_SECRET)), THIEF)
        now[0] += 15
        assert await exchange.issue_token(station.claim(), THIEF)

    async def test_who_is_blocked_waits_for_the_answer_and_nobody_else_does(self) -> None:
        with mock.patch.object(Tarpit, "hold", autospec=True) as hold:
            await self.guess(10)
            assert await exchange.issue_token(self.harbour.claim(), POS)
            assert await exchange.issue_token(self.harbour.claim(), THIEF)
            assert hold.await_count == 0
            await self.guess(10)
            assert hold.await_count == 0  # the success had cleared the count
            await self.guess(3)
            assert hold.await_count == 3

    async def test_a_mistyped_secret_is_counted_too(self) -> None:
        mistyped = self.harbour.claim(secret=generate(SecretKind.POS_SECRET)[:-1])
        for _ in range(10):
            assert isinstance(await refusal(mistyped, THIEF), MistypedSecret)
        assert isinstance(await refusal(mistyped, THIEF), TooManyFailures)

    async def test_who_proved_the_secret_is_not_counted(self) -> None:
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        for _ in range(15):
            assert isinstance(await refusal(self.harbour.claim()), IntegrationDisabled)
            assert isinstance(await refusal(self.harbour.claim(pos_remote_id="other")), NotPaired)

    async def test_one_address_that_tries_outlet_after_outlet_is_stopped(self) -> None:
        with override_settings(AUTH_FAILURES_PER_ADDRESS=5):
            await self.go_from_outlet_to_outlet()
            wrong = self.harbour.claim(secret=generate(SecretKind.POS_SECRET))
            assert isinstance(await refusal(wrong, THIEF), TooManyFailures)
            assert isinstance(await refusal(wrong, POS), WrongSecret)

    async def test_the_tills_behind_one_router_do_not_wait_because_one_of_them_is_set_up_wrongly(self) -> None:
        with override_settings(AUTH_FAILURES_PER_ADDRESS=5):
            await self.go_from_outlet_to_outlet()
            assert await exchange.issue_token(self.harbour.claim(), THIEF)

    async def test_from_an_address_that_is_blocked_an_adopted_secret_cannot_be_guessed(self) -> None:
        station = await in_main(make_enabled_outlet, "Station", adopted_secret=ADOPTED)
        with override_settings(AUTH_FAILURES_PER_ADDRESS=5):
            await self.go_from_outlet_to_outlet()
            assert isinstance(await refusal(station.claim(), THIEF), TooManyFailures)
            assert await exchange.issue_token(station.claim(), POS)

    async def go_from_outlet_to_outlet(self) -> None:
        for number in range(5):
            await refusal(self.harbour.claim(provider_outlet_id=f"outlet-{number}"), THIEF)

    async def test_what_staff_changed_gives_the_pos_a_new_try_at_once(self) -> None:
        station = await in_main(make_enabled_outlet, STATION, adopted_secret=ADOPTED)
        for _ in range(10):
            await refusal(station.claim(secret="anotherS3cr3t!"), POS)
        await in_main(change_pos_remote_id, station.integration, pos_remote_id="Bella-9", actor=ANNA)
        await (await after_first_look()).watcher.look()
        assert await exchange.issue_token(station.claim(pos_remote_id="Bella-9"), POS)

    async def test_being_throttled_is_recorded_and_a_flood_of_it_is_sampled(self) -> None:
        await self.guess(60)
        await recorded()
        found = await in_main(outcomes)
        assert found.count(Outcome.WRONG_SECRET) == 10
        assert found.count(Outcome.THROTTLED) == 20

    async def test_a_flood_over_ids_that_nobody_has_fills_no_table(self) -> None:
        with mock.patch.object(attempts, "_of_one_address", Sampler(burst=30)):
            for number in range(60):
                await refusal(self.harbour.claim(provider_outlet_id=f"nobody-{number}"), THIEF)
            await refusal(self.harbour.claim(provider_outlet_id="nobody"), POS)
        await recorded()
        from_where = await in_main(lambda: Counter(AuthAttempt.objects.values_list("address", flat=True)))
        assert from_where == {THIEF.address: 30, POS.address: 1}


class Recorded(AtTheEntryPoint):
    async def test_success_is_recorded_with_who_came_from_where(self) -> None:
        await exchange.issue_token(self.harbour.claim(), POS)
        await recorded()
        row = await AuthAttempt.objects.aget()
        assert (row.door, row.outcome, row.integration_id) == (
            Door.AUTH, Outcome.ACCEPTED, self.harbour.integration.pk,
        )  # fmt: skip
        assert (row.address, row.user_agent) == ("198.51.100.7", "PowerEPOS/8.1")
        assert row.provider_outlet_id == self.harbour.handover.provider_outlet_id
        assert row.pos_remote_id == self.harbour.handover.pos_remote_id

    async def test_nothing_is_written_on_the_way(self) -> None:
        await runtime.running()
        await exchange.issue_token(self.harbour.claim(), POS)
        await refusal(self.harbour.claim(pos_remote_id="other"))
        assert await AuthAttempt.objects.acount() == 0
        assert (await Credential.objects.aget()).last_used_at is None

    async def test_last_used_is_written_with_the_batch(self) -> None:
        await exchange.issue_token(self.harbour.claim(), POS)
        await recorded()
        assert (await Credential.objects.aget()).last_used_at is not None

    async def test_a_refused_secret_was_not_used(self) -> None:
        await refusal(self.harbour.claim(pos_remote_id="other"))
        await recorded()
        assert (await Credential.objects.aget()).last_used_at is None

    async def test_stopping_writes_what_was_collected(self) -> None:
        await exchange.issue_token(self.harbour.claim(), POS)
        await runtime.stop()
        assert await in_main(outcomes) == [Outcome.ACCEPTED]

    async def test_a_wrong_pairing_refers_to_the_outlet_that_was_meant(self) -> None:
        other = await in_main(make_enabled_outlet, "Station")
        await refusal(self.harbour.claim(pos_remote_id=other.handover.pos_remote_id))
        await recorded()
        row = await AuthAttempt.objects.aget()
        assert row.integration_id == self.harbour.integration.pk
        assert (row.pos_remote_id_of_id, row.detail) == (other.integration.pk, "")

    async def test_no_attempt_holds_a_secret(self) -> None:
        secrets = [
            self.harbour.handover.auth_secret,
            generate(SecretKind.POS_SECRET),
            "sharedS3cr3t!!",
            generate(SecretKind.POS_SECRET)[:-1],
        ]
        await exchange.issue_token(self.harbour.claim(), POS)
        for secret in secrets[1:]:
            await refusal(self.harbour.claim(secret=secret))
        await recorded()
        rows = repr([row async for row in AuthAttempt.objects.values()])
        assert [secret for secret in secrets if secret in rows] == []

    async def test_an_authentication_leaves_no_audit_event(self) -> None:
        before = await AuditEvent.objects.acount()
        await exchange.issue_token(self.harbour.claim(), POS)
        await recorded()
        assert await AuditEvent.objects.acount() == before


class Joining(InProcess):
    async def test_a_storm_of_look_ups_is_a_few_queries(self) -> None:
        asked: list[list[int]] = []

        def query(keys: list[int]) -> dict[int, str]:
            asked.append(keys)
            return {key: str(key) for key in keys if key % 2 == 0}

        lookup = Joined(query)
        found = await asyncio.gather(*(lookup.find(number % 100) for number in range(2_000)))
        assert found == [str(n % 100) if n % 2 == 0 else None for n in range(2_000)]
        assert len(asked) <= 3
        assert all(len(set(keys)) == len(keys) for keys in asked)

    async def test_a_look_up_asks_anew_each_time(self) -> None:
        asked: list[list[int]] = []

        def query(keys: list[int]) -> dict[int, int]:
            asked.append(keys)
            return {}

        lookup = Joined(query)
        await lookup.find(1)
        await lookup.find(1)
        assert asked == [[1], [1]]

    async def test_more_keys_than_one_statement_takes_are_asked_in_several(self) -> None:
        asked: list[int] = []

        def query(keys: list[int]) -> dict[int, int]:
            asked.append(len(keys))
            return dict.fromkeys(keys, 0)

        lookup = Joined(query)
        assert set(await asyncio.gather(*(lookup.find(number) for number in range(1_200)))) == {0}
        assert max(asked) <= 500

    async def test_no_more_callers_than_may_go_on_in_one_turn_share_a_look_up(self) -> None:
        found_together: list[int] = []

        async def find(key: int) -> int | None:
            found = await lookup.find(key)
            found_together[-1] += 1
            return found

        def query(keys: list[int]) -> dict[int, int]:
            found_together.append(0)
            return dict.fromkeys(keys, 7)

        lookup = Joined(query, at_once=10)
        assert await asyncio.gather(*(find(number % 2) for number in range(35))) == [7] * 35
        assert sum(found_together) == 35
        assert len(found_together) >= 4

    async def test_a_failing_query_fails_all_who_shared_it_and_nobody_after(self) -> None:
        trouble = [OperationalError("away")]

        def query(keys: list[int]) -> dict[int, int]:
            if trouble:
                raise trouble[0]
            return {1: 1}

        lookup = Joined(query)
        failed = await asyncio.gather(*(lookup.find(1) for _ in range(5)), return_exceptions=True)
        assert [type(each) for each in failed] == [OperationalError] * 5
        trouble.clear()
        assert await lookup.find(1) == 1

    async def test_a_caller_who_gives_up_does_not_take_the_others_along(self) -> None:
        lookup: Joined[int, int] = Joined(lambda keys: dict.fromkeys(keys, 7))
        first, second = (asyncio.ensure_future(lookup.find(1)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == 7
        await asyncio.gather(first, return_exceptions=True)


class WithoutDatabase(AtTheEntryPoint):
    async def test_while_the_database_is_away_nobody_is_refused_for_good(self) -> None:
        await runtime.running()
        async with table_away("integrations_credential"):
            assert isinstance(await refusal(self.harbour.claim()), PortalUnavailable)
            assert isinstance(await refused_admission(tokens.issue(Token(1, 1, 1))), PortalUnavailable)
        assert await exchange.issue_token(self.harbour.claim(), POS)

    async def test_a_portal_that_starts_without_its_database_serves_when_it_is_back(self) -> None:
        async with table_away("integrations_serverprocess"):
            assert isinstance(await refusal(self.harbour.claim()), PortalUnavailable)
        assert await exchange.issue_token(self.harbour.claim(), POS)

    async def test_records_wait_while_the_database_is_away(self) -> None:
        await exchange.issue_token(self.harbour.claim(), POS)
        async with table_away("integrations_authattempt"):
            await recorded()
            await exchange.issue_token(self.harbour.claim(), POS)
            await recorded()
        await recorded()
        assert await in_main(outcomes) == [Outcome.ACCEPTED, Outcome.ACCEPTED]

    async def test_a_row_that_the_database_never_takes_does_not_hold_the_others_back_for_long(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        await exchange.issue_token(self.harbour.claim(), POS)
        (await runtime.running()).recorder.attempt(
            Attempt(at=timezone.now(), door=Door.AUTH, outcome=None)  # type: ignore[arg-type]  # what it refuses
        )
        await refused_admission("forged")
        await recorded()
        assert await in_main(outcomes) == []
        for _ in range(3):
            await recorded()
        assert (await Credential.objects.aget()).last_used_at is not None
        await refused_admission(None)
        await recorded()
        assert Outcome.TOKEN_MISSING in await in_main(outcomes)

    async def test_a_fault_of_ours_while_records_are_written_ends_neither_them_nor_the_recorder(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        recorder = (await runtime.running()).recorder
        with mock.patch.object(record_writer, "_write_used", side_effect=ValueError("a fault of ours")):
            await exchange.issue_token(self.harbour.claim(), POS)
            for _ in range(4):
                await recorder.flush()
        assert await in_main(outcomes) == [Outcome.ACCEPTED]
        await refused_admission(None)
        await recorder.flush()
        assert Outcome.TOKEN_MISSING in await in_main(outcomes)

    async def test_a_portal_that_drains_gives_no_tokens_and_opens_no_sockets(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        (await runtime.running()).is_draining = True
        assert isinstance(await refusal(self.harbour.claim()), PortalRestarting)
        assert isinstance(await refused_admission(token), PortalRestarting)


class Admitting(AtTheEntryPoint):
    async def test_a_token_opens_the_door_again_and_again(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        for _ in range(2):
            admitted = await admission.admit(token, POS)
            assert admitted.integration_id == self.harbour.integration.pk
            assert admitted.provider_outlet_id == self.harbour.handover.provider_outlet_id

    async def test_no_token_is_refused(self) -> None:
        for token in (None, ""):
            assert isinstance(await refused_admission(token), NoToken)

    async def test_what_is_no_token_of_ours_is_refused(self) -> None:
        for token in ("x", "a.b.c", "\x00", "\udc80", "x" * 100_000):
            assert (await refused_admission(token)).outcome == Outcome.TOKEN_FORGED

    async def test_an_expired_token_is_refused_and_staff_see_whose_it_was(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        with time_machine.travel(_in_two_hours(), tick=False):
            refused = await refused_admission(token)
        assert (refused.outcome, refused.integration_id) == (Outcome.TOKEN_EXPIRED, self.harbour.integration.pk)

    async def test_a_disabled_integration_voids_the_token(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        assert (await refused_admission(token)).outcome == Outcome.DISABLED

    async def test_a_token_from_before_a_disable_stays_void_when_it_is_enabled_again(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        await in_main(reenable, self.harbour.integration, actor=ANNA)
        assert (await refused_admission(token)).outcome == Outcome.TOKEN_VOID

    async def test_a_rotation_without_overlap_voids_the_token(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        await in_main(rotate_secret, self.harbour.integration, actor=ANNA)
        assert (await refused_admission(token)).outcome == Outcome.TOKEN_VOID

    async def test_a_rotation_with_overlap_leaves_the_token_good_until_the_overlap_ends(self) -> None:
        with override_settings(POS_TOKEN_LIFETIME=86_400):
            token = await exchange.issue_token(self.harbour.claim(), POS)
            await in_main(rotate_secret, self.harbour.integration, overlap="1h", actor=ANNA)
            assert await admission.admit(token, POS)
            with time_machine.travel(_in_two_hours(), tick=False):
                assert (await refused_admission(token)).outcome == Outcome.TOKEN_VOID

    async def test_a_corrected_pos_remote_id_voids_the_token(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        await in_main(change_pos_remote_id, self.harbour.integration, pos_remote_id="right", actor=ANNA)
        assert (await refused_admission(token)).outcome == Outcome.TOKEN_VOID

    async def test_a_token_of_ours_for_a_credential_that_is_not_there_is_void(self) -> None:
        credential = await in_main(self.harbour.integration.current_credential)
        for token in (
            Token(self.harbour.integration.pk, 10**15, 1),
            Token(10**15, credential.pk, 1),
            Token(self.harbour.integration.pk, credential.pk, 2),
        ):
            assert isinstance(await refused_admission(tokens.issue(token)), BadToken)

    async def test_every_refused_admission_says_the_same_to_the_pos(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        assert str(await refused_admission(token)) == str(await refused_admission("forged"))

    async def test_why_a_socket_was_refused_is_recorded_and_a_flood_of_it_is_sampled(self) -> None:
        for _ in range(50):
            await refused_admission("forged")
        await refused_admission(None)
        await recorded()
        found = await in_main(outcomes)
        assert (found.count(Outcome.TOKEN_FORGED), found.count(Outcome.TOKEN_MISSING)) == (20, 1)
        assert await AuthAttempt.objects.filter(door=Door.WEBSOCKET).acount() == 21


class Settled(InProcess):
    async def test_one_authentication_is_one_query(self) -> None:
        enabled: Enabled = await in_main(make_enabled_outlet)
        outlet_id, digests = enabled.handover.provider_outlet_id, digests_of(enabled.handover.auth_secret)
        assert await readers.run(_count_queries, lambda: find_credentials([digests, ("nobody",)])) == 1
        assert await readers.run(_count_queries, lambda: find_candidates([outlet_id, "nobody"])) == 1

    async def test_a_wrong_secret_finds_no_row_whichever_outlet_it_is_sent_for(self) -> None:
        enabled: Enabled = await in_main(make_enabled_outlet)
        await in_main(rotate_secret, enabled.integration, actor=ANNA)
        wrong = generate(SecretKind.POS_SECRET)
        found: list[object] = []
        with mock.patch.object(authentication, "verify_generated", wraps=authentication.verify_generated) as verify:
            for claim in (enabled.claim(secret=wrong), enabled.claim(secret=wrong, provider_outlet_id="nobody")):
                await refusal(claim)
                found.append(verify.call_args.args[1])
        assert found == [None, None]

    async def test_a_secret_is_found_under_each_of_several_keys(self) -> None:
        one: Enabled = await in_main(make_enabled_outlet, "Harbour")
        with override_settings(**_new_key()):
            two: Enabled = await in_main(make_enabled_outlet, "Station")
            wanted = [digests_of(each.handover.auth_secret) for each in (one, two)]
            found = await readers.run(find_credentials, [*wanted, digests_of(generate(SecretKind.POS_SECRET))])
        assert [found[each].integration_id for each in wanted] == [one.integration.pk, two.integration.pk]
        assert len(found) == 2

    async def test_the_candidates_of_one_outlet_are_not_anothers(self) -> None:
        one: Enabled = await in_main(make_enabled_outlet, "Harbour")
        two: Enabled = await in_main(make_enabled_outlet, "Station")
        ids = [one.handover.provider_outlet_id, two.handover.provider_outlet_id]
        found = await readers.run(find_candidates, [*ids, "nobody"])
        assert {key: [each.integration_id for each in value] for key, value in found.items()} == {
            ids[0]: [one.integration.pk],
            ids[1]: [two.integration.pk],
        }


def _count_queries(function: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        function()
    return len(queries)


def _new_key() -> dict[str, object]:
    return {"CREDENTIAL_KEY": NEW_KEY, "CREDENTIAL_KEY_FALLBACKS": [settings.CREDENTIAL_KEY]}


def _in_two_hours() -> datetime:
    return timezone.now() + timedelta(hours=2)
