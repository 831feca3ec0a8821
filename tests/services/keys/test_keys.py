"""For new digests, seals and signatures, a process uses the newest key that every live process has."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import signing
from django.utils import timezone

from integrations.models import Credential, Request, ServerProcess
from integrations.models.request import RequestState
from integrations.pos import tokens
from integrations.pos.tokens import Token
from integrations.relay.watch import process_lease
from integrations.security import keyring, sealing, secret_digests
from integrations.services.handover import links as handover_links
from integrations.services.keys import keys, newer_keys
from integrations.services.requests import contents
from tests.support.factories import ANNA, Enabled, make_enabled_outlet
from tests.support.notice_factories import make_finished_request

OLD, NEW, NEWEST = "old-" * 13, "new-" * 13, "newest-" * 8

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _keys(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process has the new key, with the old one among its fallbacks."""
    settings.CREDENTIAL_KEY, settings.CREDENTIAL_KEY_FALLBACKS = NEW, [OLD]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    monkeypatch.setattr(keys, "_chosen_at", -keys.FRESH_SECONDS)  # as in a process that has just started
    monkeypatch.setattr(newer_keys, "_compared_at", -newer_keys.COMPARE_SECONDS)
    monkeypatch.setattr(newer_keys, "_missing", frozenset())
    yield
    for ring in (keyring.CREDENTIAL, keyring.SIGNING):
        ring.forget()


def id_of(ring: keyring.Ring, master: str) -> str:
    return ring._id_of(master)


def make_process(*masters: str, age: int = 0, started: int = 100, **columns: Any) -> ServerProcess:
    """Create a process that announces these keys, newest first.

    It started `started` seconds ago, and its last heartbeat is `age` seconds old.
    """
    now = timezone.now()
    return ServerProcess.objects.create(
        host="other",
        pid=1,
        started_at=now - timedelta(seconds=started),
        heartbeat_at=now - timedelta(seconds=age),
        credential_keys=",".join(id_of(keyring.CREDENTIAL, each) for each in masters),
        signing_keys=",".join(id_of(keyring.SIGNING, each) for each in masters),
        **columns,
    )


def chosen(own_id: uuid.UUID | None = None) -> set[str]:
    """Choose the keys, and return those that the process now uses for new digests and signatures."""
    keys.choose(own_id)
    return {keyring.CREDENTIAL.writing_master, django_settings.SECRET_KEY}


def test_a_single_process_writes_under_its_newest_key() -> None:
    assert chosen() == {NEW}


def test_beside_a_process_that_lacks_the_new_key_the_old_one_is_used() -> None:
    make_process(OLD)
    assert chosen() == {OLD}


def test_beside_processes_that_have_the_new_key_the_new_one_is_used() -> None:
    make_process(NEW, OLD)
    make_process(NEW)
    assert chosen() == {NEW}


@pytest.mark.parametrize("columns", [{"age": 3600}, {"ended_at": timezone.now()}])
def test_a_process_that_died_or_ended_does_not_count(columns: dict[str, Any]) -> None:
    make_process(OLD, **columns)
    assert chosen() == {NEW}


def test_a_process_of_a_version_that_announced_nothing_does_not_count() -> None:
    make_process()
    assert chosen() == {NEW}


def test_a_process_without_a_common_key_writes_under_its_own_newest_key() -> None:
    make_process(NEWEST)
    assert chosen() == {NEW}


def test_a_process_whose_fallback_was_forgotten_changes_nothing_for_the_others() -> None:
    make_process(OLD, started=200)
    make_process(NEW, started=50)
    assert chosen() == {OLD}
    make_process(NEW, started=40)
    assert chosen() == {NEW}  # because more processes have it; the portal cannot know which key is wrong


def test_all_processes_agree_on_the_order_of_the_one_that_started_last() -> None:
    make_process(NEW, OLD, started=200)
    make_process(OLD, NEW, started=100)
    assert chosen() == {OLD}
    make_process(NEW, OLD, started=50)
    assert chosen() == {NEW}


def test_a_process_announces_its_keys_when_it_registers_and_chooses_at_once() -> None:
    make_process(OLD)
    row = ServerProcess.objects.get(pk=process_lease.begin_lease())
    assert row.credential_keys == f"{id_of(keyring.CREDENTIAL, NEW)},{id_of(keyring.CREDENTIAL, OLD)}"
    assert row.signing_keys == f"{id_of(keyring.SIGNING, NEW)},{id_of(keyring.SIGNING, OLD)}"
    assert keyring.CREDENTIAL.writing_master == OLD


def test_an_announcement_does_not_reveal_a_key() -> None:
    row = ServerProcess.objects.get(pk=process_lease.begin_lease())
    for ids in (row.credential_keys, row.signing_keys):
        assert all(len(each) == keyring.ID_LENGTH for each in ids.split(","))
    assert set(row.credential_keys.split(",")).isdisjoint(row.signing_keys.split(","))


def test_a_process_with_the_old_key_can_read_secrets_and_links_of_a_command(settings: Any) -> None:
    make_process(OLD)
    enabled = make_enabled_outlet()
    credential = Credential.objects.get()
    link = handover_links.create_link(credential, enabled.handover, hours=1, actor=ANNA)
    sealed, text, token = sealing.seal("text", purpose="p"), signing.dumps("session"), tokens.issue(Token(1, 2, 3))
    settings.CREDENTIAL_KEY, settings.CREDENTIAL_KEY_FALLBACKS = OLD, []
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    assert is_digest_under_a_known_key(enabled, credential)
    assert handover_links.open_link(link.token, link.passphrase, address="", user_agent="")
    assert (sealing.unseal(sealed, purpose="p"), signing.loads(text), tokens.read(token)) == (
        "text",
        "session",
        Token(1, 2, 3),
    )


def is_digest_under_a_known_key(enabled: Enabled, credential: Credential) -> bool:
    return credential.digest in secret_digests.keyed_digests(enabled.handover.auth_secret)


def test_signatures_of_the_new_key_stay_valid_while_the_old_key_is_used() -> None:
    text, token = signing.dumps("session"), tokens.issue(Token(1, 2, 3))
    make_process(OLD)
    assert chosen() == {OLD}
    assert (signing.loads(text), tokens.read(token)) == ("session", Token(1, 2, 3))


class TestAProcessWithTheOldKeyAlone:
    """A process that has only the old key registers after others have stored something under the new key."""

    @pytest.fixture
    def enter(self, settings: Any) -> Callable[[], bool]:
        def enter() -> bool:
            settings.CREDENTIAL_KEY, settings.CREDENTIAL_KEY_FALLBACKS = OLD, []
            process_lease.begin_lease()
            return newer_keys.is_lacking()

        return enter

    def test_lacks_a_key_and_logs_an_error(self, enter: Callable[[], bool], caplog: pytest.LogCaptureFixture) -> None:
        make_enabled_outlet()
        make_process(NEW, OLD)
        assert enter()
        assert [record.levelname for record in caplog.records if "CREDENTIAL_KEY" in record.message] == ["ERROR"]

    def test_lacks_a_key_for_a_request_that_waits_as_well(self, enter: Callable[[], bool]) -> None:
        sealed = contents.keep_request('{"PIN": "4711"}', "{}").sealed
        request = make_finished_request(make_enabled_outlet().integration, sealed_request=sealed)
        Request.objects.filter(pk=request.pk).update(state=RequestState.QUEUED, ended_at=None)
        Credential.objects.update(key_id=id_of(keyring.CREDENTIAL, OLD))
        make_process(NEW, OLD)
        assert enter()

    def test_is_complete_while_nothing_is_stored_under_the_new_key(self, enter: Callable[[], bool]) -> None:
        make_process(NEW, OLD)
        assert not enter()

    def test_does_not_ask_the_database_again_at_each_comparison(
        self,
        enter: Callable[[], bool],
        monkeypatch: pytest.MonkeyPatch,
        django_assert_num_queries: Callable[[int], AbstractContextManager[Any]],
    ) -> None:
        make_enabled_outlet()
        make_process(NEW, OLD)
        assert enter()
        both = (id_of(keyring.CREDENTIAL, NEW), id_of(keyring.CREDENTIAL, OLD))
        with django_assert_num_queries(0):
            newer_keys.compare([both], [])
        monkeypatch.setattr(newer_keys, "COMPARE_SECONDS", 0.0)
        with django_assert_num_queries(2):
            newer_keys.compare([both], [])

    def test_is_complete_once_all_is_stored_under_the_old_key_again(
        self, enter: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_enabled_outlet()
        make_process(NEW, OLD)
        assert enter()
        Credential.objects.update(key_id=id_of(keyring.CREDENTIAL, OLD))
        monkeypatch.setattr(newer_keys, "_compared_at", -newer_keys.COMPARE_SECONDS)
        assert not enter()

    def test_lacks_it_still_when_the_process_that_has_it_ends(
        self, enter: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_enabled_outlet()
        other = make_process(NEW, OLD)
        assert enter()
        ServerProcess.objects.filter(pk=other.pk).update(ended_at=timezone.now())
        monkeypatch.setattr(newer_keys, "_compared_at", -newer_keys.COMPARE_SECONDS)
        keys.choose(ServerProcess.objects.exclude(pk=other.pk).get().pk)
        assert newer_keys.is_lacking()

    def test_warns_only_where_no_process_has_the_key(
        self, enter: Callable[[], bool], caplog: pytest.LogCaptureFixture
    ) -> None:
        make_enabled_outlet()
        make_process(OLD)
        assert not enter()
        found = [record for record in caplog.records if "does not have" in record.message]
        assert [(record.levelname, record.count) for record in found] == [("WARNING", 1)]  # type: ignore[attr-defined]

    def test_lacks_nothing_if_a_process_with_a_foreign_key_starts_later(self, enter: Callable[[], bool]) -> None:
        make_enabled_outlet()
        make_process(NEW, started=-100)
        assert not enter()
        make_process(NEW, started=100)
        assert enter()


def test_a_process_without_the_old_key_lacks_nothing_while_others_still_have_it(settings: Any) -> None:
    """The last step of a key rotation removes the old key; long-unused secrets under that key must not block it."""
    make_process(NEW, OLD)
    settings.CREDENTIAL_KEY, settings.CREDENTIAL_KEY_FALLBACKS = OLD, []
    make_enabled_outlet()
    settings.CREDENTIAL_KEY = NEW
    process_lease.begin_lease()
    assert not newer_keys.is_lacking()
