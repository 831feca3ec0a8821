"""Authentication attempts are recorded, even while the database is unavailable."""

import logging
from unittest import mock

from django.utils import timezone

from integrations.models import AuditEvent, AuthAttempt, Credential
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.pos import tokens
from integrations.pos.access import exchange
from integrations.pos.access.refusals import PortalRestarting, PortalUnavailable
from integrations.pos.tokens import Token
from integrations.relay import runtime
from integrations.relay.records.attempt_records import Attempt
from integrations.relay.records.secret_records import SecretUsed
from integrations.security.secret_digests import SecretKind, generate
from tests.services.connections.entry_point import POS, AtTheEntryPoint, outcomes, refusal, refused_admission
from tests.support.factories import make_enabled_outlet
from tests.support.in_process import in_main, recorded
from tests.support.tables import table_away


class Recorded(AtTheEntryPoint):
    async def test_a_success_is_recorded_with_outlet_and_address(self) -> None:
        await exchange.issue_token(self.harbour.claim(), POS)
        await recorded()
        row = await AuthAttempt.objects.aget()
        assert (row.endpoint, row.outcome, row.integration_id) == (
            PosEndpoint.AUTH, Outcome.ACCEPTED, self.harbour.integration.pk,
        )  # fmt: skip
        assert (row.address, row.user_agent) == ("198.51.100.7", "PowerEPOS/8.1")
        assert row.provider_outlet_id == self.harbour.handover.provider_outlet_id
        assert row.pos_remote_id == self.harbour.handover.pos_remote_id

    async def test_authentication_itself_writes_nothing(self) -> None:
        await runtime.running()
        await exchange.issue_token(self.harbour.claim(), POS)
        await refusal(self.harbour.claim(pos_remote_id="other"))
        assert await AuthAttempt.objects.acount() == 0
        assert (await Credential.objects.aget()).last_used_at is None

    async def test_last_used_is_written_with_the_batch(self) -> None:
        await exchange.issue_token(self.harbour.claim(), POS)
        await recorded()
        assert (await Credential.objects.aget()).last_used_at is not None

    async def test_a_refused_secret_is_not_marked_as_used(self) -> None:
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

    async def test_an_unknown_outlet_with_a_known_pos_remote_id_refers_to_the_outlet_that_was_meant(self) -> None:
        wrong = generate(SecretKind.POS_SECRET)
        await refusal(self.harbour.claim(provider_outlet_id="mistyped", secret=wrong))
        await recorded()
        row = await AuthAttempt.objects.aget()
        assert (row.outcome, row.integration_id) == (Outcome.UNKNOWN_OUTLET, None)
        assert row.pos_remote_id_of_id == self.harbour.integration.pk

    async def test_a_till_with_the_provider_outlet_id_of_another_outlet_refers_to_its_own_outlet(self) -> None:
        station = await in_main(make_enabled_outlet, "Station")
        await refusal(station.claim(provider_outlet_id=self.harbour.handover.provider_outlet_id))
        await recorded()
        row = await AuthAttempt.objects.aget()
        assert (row.outcome, row.integration_id) == (Outcome.WRONG_SECRET, self.harbour.integration.pk)
        assert row.pos_remote_id_of_id == station.integration.pk

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


class WithoutDatabase(AtTheEntryPoint):
    async def test_while_the_database_is_unavailable_no_refusal_is_permanent(self) -> None:
        await runtime.running()
        async with table_away("integrations_credential"):
            assert isinstance(await refusal(self.harbour.claim()), PortalUnavailable)
            assert isinstance(await refused_admission(tokens.issue(Token(1, 1, 1))), PortalUnavailable)
        assert await exchange.issue_token(self.harbour.claim(), POS)

    async def test_a_portal_that_starts_without_its_database_serves_when_it_is_back(self) -> None:
        async with table_away("integrations_serverprocess"):
            assert isinstance(await refusal(self.harbour.claim()), PortalUnavailable)
        assert await exchange.issue_token(self.harbour.claim(), POS)

    async def test_records_wait_while_the_database_is_unavailable(self) -> None:
        await exchange.issue_token(self.harbour.claim(), POS)
        async with table_away("integrations_authattempt"):
            await recorded()
            await exchange.issue_token(self.harbour.claim(), POS)
            await recorded()
        await recorded()
        assert await in_main(outcomes) == [Outcome.ACCEPTED, Outcome.ACCEPTED]

    async def test_a_row_that_the_database_rejects_does_not_delay_the_others_for_long(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        await exchange.issue_token(self.harbour.claim(), POS)
        (await runtime.running()).recorder.record(
            Attempt(at=timezone.now(), endpoint=PosEndpoint.AUTH, outcome=None)  # type: ignore[arg-type]  # what it refuses
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

    async def test_a_bug_during_a_write_loses_no_records_and_does_not_stop_the_recorder(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        recorder = (await runtime.running()).recorder
        with mock.patch.object(SecretUsed, "write", side_effect=ValueError("a bug in the portal")):
            await exchange.issue_token(self.harbour.claim(), POS)
            for _ in range(4):
                await recorder.flush()
        assert await in_main(outcomes) == [Outcome.ACCEPTED]
        await refused_admission(None)
        await recorder.flush()
        assert Outcome.TOKEN_MISSING in await in_main(outcomes)

    async def test_a_draining_portal_issues_no_tokens_and_accepts_no_sockets(self) -> None:
        token = await exchange.issue_token(self.harbour.claim(), POS)
        (await runtime.running()).is_draining = True
        assert isinstance(await refusal(self.harbour.claim()), PortalRestarting)
        assert isinstance(await refused_admission(token), PortalRestarting)
