"""The entry point issues and refuses tokens; these tests call it directly, without HTTP."""

import asyncio
from collections.abc import Callable
from unittest import mock

import time_machine
from django.conf import settings
from django.db import OperationalError, connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from integrations.models import AuthAttempt, Integration
from integrations.models.attempt import Outcome
from integrations.pos import tokens
from integrations.pos.access import exchange
from integrations.pos.access.refusals import TooManyFailures
from integrations.pos.limits.throttle import Tarpit
from integrations.pos.tokens import Token
from integrations.security.secret_digests import SecretKind, generate
from integrations.services.connections import authentication
from integrations.services.connections.authentication import digests_of, find_candidates, find_credentials
from integrations.services.connections.errors import IntegrationDisabled, MistypedSecret, NotPaired, WrongSecret
from integrations.services.integration.enabling import change_pos_remote_id, disable, enable_outlet, reenable
from integrations.services.integration.pos_secrets import end_overlap, rotate_secret
from integrations.services.rows.threads import Joined, readers
from integrations.text.characters import trimmed
from tests.services.connections.entry_point import (
    POS,
    THIEF,
    AtTheEntryPoint,
    in_two_hours,
    outcomes,
    refusal,
    refused_admission,
)
from tests.support.factories import ADOPTED, ANNA, Enabled, make_enabled_outlet, make_outlet
from tests.support.in_process import InProcess, in_main, recorded

NEW_KEY = "another-key-of-the-server" * 3


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
        unknown = await refusal(self.harbour.claim(provider_outlet_id="unknown"))
        assert isinstance(wrong, WrongSecret)
        assert isinstance(unknown, WrongSecret)
        assert str(wrong) == str(unknown) == "The auth secret was not valid!"

    async def test_staff_see_whether_the_outlet_or_the_secret_was_wrong(self) -> None:
        await refusal(self.harbour.claim(secret=generate(SecretKind.POS_SECRET)))
        await refusal(self.harbour.claim(provider_outlet_id="unknown"))
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

    async def test_values_stored_with_hidden_characters_by_an_older_version_still_work(self) -> None:
        for number, stored in enumerate(("abc\u200b", "a\u200bbc", "\u202eabc", "abc")):
            garden = await in_main(self.make_garden, f"old-{number}")
            outlet = garden.integration.outlet
            outlet.provider_outlet_id = stored
            await outlet.asave()
            await Integration.objects.filter(outlet=outlet).aupdate(pos_remote_id=f"{stored}\u00ad")
            claim = garden.claim(provider_outlet_id=trimmed(stored), pos_remote_id=stored)
            assert await exchange.issue_token(claim, POS), stored

    async def test_failures_in_another_spelling_count_for_the_same_outlet(self) -> None:
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

    async def test_a_generated_secret_is_accepted_with_hidden_characters_anywhere(self) -> None:
        secret = self.harbour.handover.auth_secret
        spaced = secret.replace("-", "\u200b-\u00a0")
        hyphens = secret.replace("-", "\u2011")
        for typed in (f"{secret}\r\n", f"\ufeff{secret}", spaced, hyphens, f"\u202a{secret}\u202c"):
            assert await exchange.issue_token(self.harbour.claim(secret=typed), POS)

    async def test_a_mistyped_secret_gets_the_same_error_whether_or_not_the_outlet_exists(self) -> None:
        typed = generate(SecretKind.POS_SECRET)[:-1]
        for claim in (self.harbour.claim(secret=typed), self.harbour.claim(secret=typed, provider_outlet_id="unknown")):
            assert isinstance(await refusal(claim), MistypedSecret)

    async def test_a_caller_without_the_secret_learns_nothing_of_pairing_and_enabling(self) -> None:
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        refused = await refusal(self.harbour.claim(pos_remote_id="other", secret=generate(SecretKind.POS_SECRET)))
        assert isinstance(refused, WrongSecret)

    async def test_a_caller_with_the_secret_learns_that_the_pos_remote_id_does_not_match(self) -> None:
        for remote in ("other", self.harbour.handover.pos_remote_id.lower()):
            refused = await refusal(self.harbour.claim(pos_remote_id=remote))
            assert isinstance(refused, NotPaired)
            assert "POSRemoteID" in str(refused)

    async def test_a_caller_with_the_secret_learns_that_the_integration_is_disabled(self) -> None:
        await in_main(disable, self.harbour.integration, reason="unpaid bill", actor=ANNA)
        refused = await refusal(self.harbour.claim())
        assert isinstance(refused, IntegrationDisabled)
        assert "unpaid" not in str(refused)

    async def test_the_pos_of_a_re_enabled_integration_can_authenticate(self) -> None:
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        await in_main(reenable, self.harbour.integration, actor=ANNA)
        assert await exchange.issue_token(self.harbour.claim(), POS)

    async def test_a_corrected_pos_remote_id_applies_at_once(self) -> None:
        await in_main(change_pos_remote_id, self.harbour.integration, pos_remote_id="right", actor=ANNA)
        assert isinstance(await refusal(self.harbour.claim()), NotPaired)
        assert await exchange.issue_token(self.harbour.claim(pos_remote_id="right"), POS)


class Rotating(AtTheEntryPoint):
    async def test_without_overlap_only_the_new_secret_is_valid(self) -> None:
        new = await in_main(rotate_secret, self.harbour.integration, actor=ANNA)
        assert await exchange.issue_token(self.harbour.claim(secret=new.auth_secret), POS)
        refused = await refusal(self.harbour.claim())
        assert (type(refused), refused.outcome) == (WrongSecret, Outcome.RETIRED_SECRET)

    async def test_within_the_overlap_both_secrets_are_valid(self) -> None:
        new = await in_main(rotate_secret, self.harbour.integration, overlap="1h", actor=ANNA)
        assert await exchange.issue_token(self.harbour.claim(), POS)
        assert await exchange.issue_token(self.harbour.claim(secret=new.auth_secret), POS)

    async def test_after_the_overlap_only_the_new_secret_is_valid(self) -> None:
        new = await in_main(rotate_secret, self.harbour.integration, overlap="1h", actor=ANNA)
        with time_machine.travel(in_two_hours(), tick=False):
            assert (await refusal(self.harbour.claim())).outcome == Outcome.RETIRED_SECRET
            assert await exchange.issue_token(self.harbour.claim(secret=new.auth_secret), POS)

    async def test_ending_an_overlap_takes_effect_at_once(self) -> None:
        await in_main(rotate_secret, self.harbour.integration, overlap="7d", actor=ANNA)
        token = await exchange.issue_token(self.harbour.claim(), POS)
        await in_main(end_overlap, self.harbour.integration, actor=ANNA)
        assert (await refusal(self.harbour.claim())).outcome == Outcome.RETIRED_SECRET
        assert (await refused_admission(token)).outcome == Outcome.TOKEN_VOID

    async def test_a_secret_proved_under_an_older_key_is_stored_under_the_new_one(self) -> None:
        with override_settings(**_new_key()):
            assert await exchange.issue_token(self.harbour.claim(), POS)
            await recorded()
        with override_settings(CREDENTIAL_KEY=NEW_KEY, CREDENTIAL_KEY_FALLBACKS=[]):
            assert await exchange.issue_token(self.harbour.claim(), POS)

    async def test_staff_see_that_a_secret_is_stored_under_a_removed_key(self) -> None:
        with override_settings(CREDENTIAL_KEY=NEW_KEY, CREDENTIAL_KEY_FALLBACKS=[]):
            assert isinstance(await refusal(self.harbour.claim()), WrongSecret)
            await recorded()
        row = await AuthAttempt.objects.aget()
        assert (row.outcome, row.integration_id) == (Outcome.UNKNOWN_KEY, self.harbour.integration.pk)


class SharedLookups(InProcess):
    async def test_many_simultaneous_lookups_take_a_few_queries(self) -> None:
        asked: list[list[int]] = []

        def query(keys: list[int]) -> dict[int, str]:
            asked.append(keys)
            return {key: str(key) for key in keys if key % 2 == 0}

        lookup = Joined(query)
        found = await asyncio.gather(*(lookup.find(number % 100) for number in range(2_000)))
        assert found == [str(n % 100) if n % 2 == 0 else None for n in range(2_000)]
        assert len(asked) <= 3
        assert all(len(set(keys)) == len(keys) for keys in asked)

    async def test_each_lookup_queries_the_database_again(self) -> None:
        asked: list[list[int]] = []

        def query(keys: list[int]) -> dict[int, int]:
            asked.append(keys)
            return {}

        lookup = Joined(query)
        await lookup.find(1)
        await lookup.find(1)
        assert asked == [[1], [1]]

    async def test_more_keys_than_one_statement_takes_are_split_over_several(self) -> None:
        asked: list[int] = []

        def query(keys: list[int]) -> dict[int, int]:
            asked.append(len(keys))
            return dict.fromkeys(keys, 0)

        lookup = Joined(query)
        assert set(await asyncio.gather(*(lookup.find(number) for number in range(1_200)))) == {0}
        assert max(asked) <= 500

    async def test_the_number_of_callers_that_share_a_lookup_is_limited(self) -> None:
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

    async def test_a_failing_query_fails_all_its_callers_and_no_later_ones(self) -> None:
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

    async def test_a_cancelled_caller_does_not_cancel_the_others(self) -> None:
        lookup: Joined[int, int] = Joined(lambda keys: dict.fromkeys(keys, 7))
        first, second = (asyncio.ensure_future(lookup.find(1)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == 7
        await asyncio.gather(first, return_exceptions=True)


class Settled(InProcess):
    async def test_one_authentication_is_one_query(self) -> None:
        enabled: Enabled = await in_main(make_enabled_outlet)
        outlet_id, digests = enabled.handover.provider_outlet_id, digests_of(enabled.handover.auth_secret)
        assert await readers.run(_count_queries, lambda: find_credentials([digests, ("unknown",)])) == 1
        assert await readers.run(_count_queries, lambda: find_candidates([outlet_id, "unknown"])) == 1

    async def test_a_wrong_secret_finds_no_row_whichever_outlet_it_is_sent_for(self) -> None:
        enabled: Enabled = await in_main(make_enabled_outlet)
        await in_main(rotate_secret, enabled.integration, actor=ANNA)
        wrong = generate(SecretKind.POS_SECRET)
        found: list[object] = []
        with mock.patch.object(authentication, "verify_generated", wraps=authentication.verify_generated) as verify:
            for claim in (enabled.claim(secret=wrong), enabled.claim(secret=wrong, provider_outlet_id="unknown")):
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

    async def test_each_outlet_gets_only_its_own_candidates(self) -> None:
        one: Enabled = await in_main(make_enabled_outlet, "Harbour")
        two: Enabled = await in_main(make_enabled_outlet, "Station")
        ids = [one.handover.provider_outlet_id, two.handover.provider_outlet_id]
        found = await readers.run(find_candidates, [*ids, "unknown"])
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
