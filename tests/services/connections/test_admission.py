"""A POS can connect with a token until the token expires or a change to the integration voids it."""

import time_machine
from django.test import override_settings

from integrations.models import AuthAttempt
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.pos import tokens
from integrations.pos.access import admission, exchange
from integrations.pos.access.refusals import BadToken, NoToken
from integrations.pos.tokens import Token
from integrations.services.integration.enabling import change_pos_remote_id, disable, reenable
from integrations.services.integration.pos_secrets import rotate_secret
from tests.services.connections.entry_point import POS, AtTheEntryPoint, in_two_hours, outcomes, refused_admission
from tests.support.factories import ANNA
from tests.support.in_process import in_main, recorded


class Admitting(AtTheEntryPoint):
    async def test_a_token_can_be_used_repeatedly(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        for _ in range(2):
            admitted = await admission.admit(token, POS)
            assert admitted.integration_id == self.harbour.integration.pk
            assert admitted.provider_outlet_id == self.harbour.handover.provider_outlet_id

    async def test_a_missing_token_is_refused(self) -> None:
        for token in (None, ""):
            assert isinstance(await refused_admission(token), NoToken)

    async def test_a_token_that_the_portal_did_not_issue_is_refused(self) -> None:
        for token in ("x", "a.b.c", "\x00", "\udc80", "x" * 100_000):
            assert (await refused_admission(token)).outcome == Outcome.TOKEN_FORGED

    async def test_an_expired_token_is_refused_and_staff_see_whose_it_was(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        with time_machine.travel(in_two_hours(), tick=False):
            refused = await refused_admission(token)
        assert (refused.outcome, refused.integration_id) == (Outcome.TOKEN_EXPIRED, self.harbour.integration.pk)

    async def test_a_disabled_integration_voids_the_token(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        assert (await refused_admission(token)).outcome == Outcome.DISABLED

    async def test_a_token_issued_before_a_disable_stays_void_after_re_enabling(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        await in_main(reenable, self.harbour.integration, actor=ANNA)
        assert (await refused_admission(token)).outcome == Outcome.TOKEN_VOID

    async def test_a_rotation_without_overlap_voids_the_token(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        await in_main(rotate_secret, self.harbour.integration, actor=ANNA)
        assert (await refused_admission(token)).outcome == Outcome.TOKEN_VOID

    async def test_a_rotation_with_overlap_keeps_the_token_valid_until_the_overlap_ends(self) -> None:
        with override_settings(POS_TOKEN_LIFETIME=86_400):
            token = await exchange.issue_token(self.harbour.claim(), POS)
            await in_main(rotate_secret, self.harbour.integration, overlap="1h", actor=ANNA)
            assert await admission.admit(token, POS)
            with time_machine.travel(in_two_hours(), tick=False):
                assert (await refused_admission(token)).outcome == Outcome.TOKEN_VOID

    async def test_a_corrected_pos_remote_id_voids_the_token(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        await in_main(change_pos_remote_id, self.harbour.integration, pos_remote_id="right", actor=ANNA)
        assert (await refused_admission(token)).outcome == Outcome.TOKEN_VOID

    async def test_a_token_for_a_missing_credential_is_void(self) -> None:
        credential = await in_main(self.harbour.integration.current_credential)
        for token in (
            Token(self.harbour.integration.pk, 10**15, 1),
            Token(10**15, credential.pk, 1),
            Token(self.harbour.integration.pk, credential.pk, 2),
        ):
            assert isinstance(await refused_admission(tokens.issue(token)), BadToken)

    async def test_every_refused_admission_gives_the_pos_the_same_answer(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        await in_main(disable, self.harbour.integration, reason="pause", actor=ANNA)
        assert str(await refused_admission(token)) == str(await refused_admission("forged"))

    async def test_the_reason_for_a_refused_socket_is_recorded_and_floods_are_sampled(self) -> None:
        for _ in range(50):
            await refused_admission("forged")
        await refused_admission(None)
        await recorded()
        found = await in_main(outcomes)
        assert (found.count(Outcome.TOKEN_FORGED), found.count(Outcome.TOKEN_MISSING)) == (20, 1)
        assert await AuthAttempt.objects.filter(endpoint=PosEndpoint.WEBSOCKET).acount() == 21
