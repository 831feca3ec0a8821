"""A caller that guesses secrets has to wait; other callers do not."""

from collections import Counter
from unittest import mock

from django.test import override_settings

from integrations.models import AuthAttempt
from integrations.models.attempt import Outcome
from integrations.pos.access import attempt_recording, exchange
from integrations.pos.access.refusals import TooManyFailures
from integrations.pos.access.visitors import Visitor
from integrations.pos.limits.throttle import Sampler, Tarpit, Throttle
from integrations.security.secret_digests import SecretKind, generate
from integrations.services.connections.errors import IntegrationDisabled, MistypedSecret, NotPaired, WrongSecret
from integrations.services.integration.enabling import change_pos_remote_id, disable
from tests.services.connections.entry_point import POS, THIEF, AtTheEntryPoint, outcomes, refusal
from tests.support.factories import ADOPTED, ANNA, STATION, make_enabled_outlet
from tests.support.in_process import after_first_poll, in_main, recorded


class Throttled(AtTheEntryPoint):
    def setUp(self) -> None:
        super().setUp()
        exchange.tarpit = Tarpit(seconds=0)

    async def guess(self, times: int, visitor: Visitor = THIEF, **changes: str) -> None:
        for _ in range(times):
            await refusal(self.harbour.claim(secret=generate(SecretKind.POS_SECRET), **changes), visitor)

    async def test_the_right_generated_secret_is_accepted_despite_guesses_from_its_address(self) -> None:
        await self.guess(30)
        assert isinstance(
            await refusal(self.harbour.claim(secret=generate(SecretKind.POS_SECRET)), THIEF), TooManyFailures
        )
        assert await exchange.issue_token(self.harbour.claim(), THIEF)

    async def test_the_right_generated_secret_is_accepted_when_all_outlets_were_tried_from_its_address(self) -> None:
        with override_settings(AUTH_FAILURES_PER_ADDRESS=5):
            await self.go_from_outlet_to_outlet()
            await self.guess(12)
            assert await exchange.issue_token(
                self.harbour.claim(secret=f"{self.harbour.handover.auth_secret}\n"), THIEF
            )

    async def test_a_caller_that_proved_a_generated_secret_learns_other_errors_even_if_blocked(self) -> None:
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

    async def test_the_real_pos_can_authenticate_from_another_address_meanwhile(self) -> None:
        await self.guess(30)
        assert await exchange.issue_token(self.harbour.claim(), POS)

    async def test_after_the_wait_the_right_adopted_secret_is_accepted(self) -> None:
        station = await in_main(make_enabled_outlet, STATION, adopted_secret=ADOPTED)
        now = [0.0]
        exchange.throttle = Throttle(lambda: now[0])
        for _ in range(10):
            await refusal(station.claim(secret=generate(SecretKind.POS_SECRET)), THIEF)
        now[0] += 15
        assert await exchange.issue_token(station.claim(), THIEF)

    async def test_only_a_blocked_caller_waits_for_its_answer(self) -> None:
        with mock.patch.object(Tarpit, "hold", autospec=True) as hold:
            await self.guess(10)
            assert await exchange.issue_token(self.harbour.claim(), POS)
            assert await exchange.issue_token(self.harbour.claim(), THIEF)
            assert hold.await_count == 0
            await self.guess(10)
            assert hold.await_count == 0  # the success above had reset the number of failures
            await self.guess(3)
            assert hold.await_count == 3

    async def test_a_mistyped_secret_is_counted_too(self) -> None:
        mistyped = self.harbour.claim(secret=generate(SecretKind.POS_SECRET)[:-1])
        for _ in range(10):
            assert isinstance(await refusal(mistyped, THIEF), MistypedSecret)
        assert isinstance(await refusal(mistyped, THIEF), TooManyFailures)

    async def test_a_caller_that_proved_the_secret_is_not_counted(self) -> None:
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        for _ in range(15):
            assert isinstance(await refusal(self.harbour.claim()), IntegrationDisabled)
            assert isinstance(await refusal(self.harbour.claim(pos_remote_id="other")), NotPaired)

    async def test_an_address_that_tries_many_outlets_is_blocked(self) -> None:
        with override_settings(AUTH_FAILURES_PER_ADDRESS=5):
            await self.go_from_outlet_to_outlet()
            wrong = self.harbour.claim(secret=generate(SecretKind.POS_SECRET))
            assert isinstance(await refusal(wrong, THIEF), TooManyFailures)
            assert isinstance(await refusal(wrong, POS), WrongSecret)

    async def test_a_misconfigured_till_does_not_delay_others_behind_the_same_router(self) -> None:
        with override_settings(AUTH_FAILURES_PER_ADDRESS=5):
            await self.go_from_outlet_to_outlet()
            assert await exchange.issue_token(self.harbour.claim(), THIEF)

    async def test_a_blocked_address_cannot_guess_an_adopted_secret(self) -> None:
        station = await in_main(make_enabled_outlet, "Station", adopted_secret=ADOPTED)
        with override_settings(AUTH_FAILURES_PER_ADDRESS=5):
            await self.go_from_outlet_to_outlet()
            assert isinstance(await refusal(station.claim(), THIEF), TooManyFailures)
            assert await exchange.issue_token(station.claim(), POS)

    async def go_from_outlet_to_outlet(self) -> None:
        for number in range(5):
            await refusal(self.harbour.claim(provider_outlet_id=f"outlet-{number}"), THIEF)

    async def test_a_staff_change_lets_the_pos_try_again_at_once(self) -> None:
        station = await in_main(make_enabled_outlet, STATION, adopted_secret=ADOPTED)
        for _ in range(10):
            await refusal(station.claim(secret="anotherS3cr3t!"), POS)
        await in_main(change_pos_remote_id, station.integration, pos_remote_id="Bella-9", actor=ANNA)
        await (await after_first_poll()).watcher.poll()
        assert await exchange.issue_token(station.claim(pos_remote_id="Bella-9"), POS)

    async def test_throttled_attempts_are_recorded_and_floods_are_sampled(self) -> None:
        await self.guess(60)
        await recorded()
        found = await in_main(outcomes)
        assert found.count(Outcome.WRONG_SECRET) == 10
        assert found.count(Outcome.THROTTLED) == 20

    async def test_a_blocked_attempt_is_recorded_with_its_cause(self) -> None:
        await self.guess(11)
        await refusal(self.harbour.claim(secret=generate(SecretKind.POS_SECRET)[:-1]), THIEF)
        await self.guess(11, provider_outlet_id="unknown")
        await recorded()
        blocked = AuthAttempt.objects.filter(outcome=Outcome.THROTTLED).order_by("pk")
        causes = [cause async for cause in blocked.values_list("cause", flat=True)]
        assert causes == [Outcome.WRONG_SECRET, Outcome.MISTYPED_SECRET, Outcome.UNKNOWN_OUTLET]

    async def test_a_flood_of_unknown_ids_fills_no_table(self) -> None:
        with mock.patch.object(attempt_recording, "_of_one_address", Sampler(burst=30)):
            for number in range(60):
                await refusal(self.harbour.claim(provider_outlet_id=f"nobody-{number}"), THIEF)
            await refusal(self.harbour.claim(provider_outlet_id="nobody"), POS)
        await recorded()
        from_where = await in_main(lambda: Counter(AuthAttempt.objects.values_list("address", flat=True)))
        assert from_where == {THIEF.address: 30, POS.address: 1}
