"""A hand-over link opens once, with its passphrase; a refusal reveals nothing."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from integrations.models import AuditEvent, HandoverLink, Integration, Outlet
from integrations.models.audit import Verb
from integrations.models.handover_link import LinkState
from integrations.recipient import views
from integrations.security.redaction import redact
from integrations.security.secret_digests import SecretKind, generate
from integrations.services.errors import InvalidValue
from integrations.services.handover import links as handover_links
from integrations.services.handover.errors import LinkEnded, LinkRefused
from integrations.services.handover.links import NewLink
from integrations.services.integration import enabling, pos_secrets
from tests.support.factories import ADOPTED, ANNA, Enabled, make_enabled_outlet
from tests.support.staff.pages import text

PASSPHRASE = "correct horse battery"
CLIENT = {"address": "198.51.100.9", "user_agent": "Browser/1"}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _without_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "REFUSED_AFTER", 0.0)


def create_link(enabled: Enabled, *, passphrase: str = PASSPHRASE, hours: int = 72) -> NewLink:
    credential = Integration.objects.get(pk=enabled.integration.pk).current_credential()
    return handover_links.create_link(credential, enabled.handover, hours=hours, passphrase=passphrase, actor=ANNA)


def fresh(created: NewLink) -> HandoverLink:
    return HandoverLink.objects.get(pk=created.link.pk)


def verbs() -> list[str]:
    return list(
        AuditEvent.objects.filter(verb__startswith="handover_link").order_by("pk").values_list("verb", flat=True)
    )


def post(client: Client, code: str, passphrase: str) -> Any:
    return client.post("/handover/", {"code": code, "passphrase": passphrase}, REMOTE_ADDR="198.51.100.9")


def test_a_link_opens_once_and_staff_see_when_and_from_where(enabled: Enabled) -> None:
    created = create_link(enabled)
    opened = handover_links.open_link(created.token, PASSPHRASE, **CLIENT)
    assert opened.handover == enabled.handover
    link = fresh(created)
    assert (link.state, link.sealed, link.address, link.user_agent) == (
        LinkState.OPENED, "", "198.51.100.9", "Browser/1",
    )  # fmt: skip
    with pytest.raises(LinkRefused):
        handover_links.open_link(created.token, PASSPHRASE, **CLIENT)
    assert verbs() == [Verb.LINK_CREATED, Verb.LINK_OPENED]
    assert AuditEvent.objects.get(verb=Verb.LINK_OPENED).address == "198.51.100.9"


def test_the_full_address_and_other_spellings_open_a_link_too(enabled: Enabled) -> None:
    created = create_link(enabled, passphrase="")
    spoken = created.passphrase.lower().replace("-", " ").replace("0", "o")
    assert handover_links.open_link(f" {created.url.lower()} ", spoken, **CLIENT)


def test_the_database_and_the_settings_together_do_not_open_a_link(enabled: Enabled) -> None:
    created = create_link(enabled)
    row = repr(HandoverLink.objects.values().get()) + repr(list(AuditEvent.objects.values()))
    assert enabled.handover.auth_secret not in row
    bare = created.token.replace("-", "").removeprefix("ONPH")
    assert bare[:25] not in row
    assert bare[25:] not in row
    assert PASSPHRASE not in row
    assert repr(created).count(created.token) == 0


@pytest.mark.parametrize("half", [0, -1])
def test_each_half_of_the_link_is_needed(enabled: Enabled, half: int) -> None:
    created = create_link(enabled)
    other = "X" if created.token[half] != "X" else "Y"
    wrong = (
        f"{created.token[:-1]}{other}" if half else created.token.replace("ONPH-", "ONPH-ZZ", 1)[: len(created.token)]
    )
    with pytest.raises(LinkRefused):
        handover_links.open_link(wrong, PASSPHRASE, **CLIENT)


def test_five_wrong_passphrases_void_the_link(enabled: Enabled) -> None:
    created = create_link(enabled)
    for _ in range(5):
        assert fresh(created).sealed
        with pytest.raises(LinkRefused):
            handover_links.open_link(created.token, "a wrong passphrase", **CLIENT)
    assert (fresh(created).state, fresh(created).sealed) == (LinkState.FAILED, "")
    with pytest.raises(LinkRefused):
        handover_links.open_link(created.token, PASSPHRASE, **CLIENT)
    assert verbs() == [Verb.LINK_CREATED, Verb.LINK_FAILED]


def test_the_fifth_attempt_can_succeed(enabled: Enabled) -> None:
    created = create_link(enabled)
    for _ in range(4):
        with pytest.raises(LinkRefused):
            handover_links.open_link(created.token, "a wrong passphrase", **CLIENT)
    assert handover_links.open_link(created.token, PASSPHRASE, **CLIENT)


def test_an_expired_link_is_refused_and_erased(enabled: Enabled) -> None:
    created = create_link(enabled)
    HandoverLink.objects.update(expires_at=timezone.now())
    with pytest.raises(LinkRefused):
        handover_links.open_link(created.token, PASSPHRASE, **CLIENT)
    assert handover_links.expire_links() == 1
    assert handover_links.expire_links() == 0
    assert (fresh(created).state, fresh(created).sealed) == (LinkState.EXPIRED, "")
    assert verbs() == [Verb.LINK_CREATED, Verb.LINK_EXPIRED]


def test_a_revoked_link_is_refused(enabled: Enabled) -> None:
    created = create_link(enabled)
    handover_links.revoke_link(created.link, actor=ANNA)
    with pytest.raises(LinkRefused):
        handover_links.open_link(created.token, PASSPHRASE, **CLIENT)
    with pytest.raises(LinkEnded):
        handover_links.revoke_link(created.link, actor=ANNA)
    assert (fresh(created).state, fresh(created).sealed) == (LinkState.REVOKED, "")
    assert verbs() == [Verb.LINK_CREATED, Verb.LINK_REVOKED]


@pytest.mark.parametrize(
    "act",
    [
        lambda row: pos_secrets.rotate_secret(row, overlap="24h", actor=ANNA),
        lambda row: enabling.disable(row, reason="Closed", actor=ANNA),
    ],
)
def test_rotating_and_disabling_revoke_the_link(enabled: Enabled, act: Callable[[Integration], Any]) -> None:
    created = create_link(enabled)
    act(enabled.integration)
    assert (fresh(created).state, fresh(created).sealed) == (LinkState.REVOKED, "")
    assert Verb.LINK_REVOKED in verbs()


def test_the_recipient_gets_a_corrected_pos_remote_id(enabled: Enabled) -> None:
    created = create_link(enabled)
    enabling.change_pos_remote_id(enabled.integration, pos_remote_id="Corrected", actor=ANNA)
    assert handover_links.open_link(created.token, PASSPHRASE, **CLIENT).handover.pos_remote_id == "Corrected"


def test_an_adopted_secret_can_be_sent_by_link(outlet: Outlet) -> None:
    created = handover_links.create_link_instead(
        lambda: enabling.enable_outlet(outlet, pos_remote_id="R-1", adopted_secret=ADOPTED, actor=ANNA),
        hours=1,
        actor=ANNA,
    )
    assert created.is_generated
    assert handover_links.open_link(created.token, created.passphrase, **CLIENT).handover.auth_secret == ADOPTED


@pytest.mark.parametrize("passphrase", ["q8#Lm2!vRt", "letmeinlet", "0123456789012"])
def test_a_passphrase_of_ten_characters_is_accepted_and_a_longer_one_of_digits(passphrase: str) -> None:
    handover_links.check_passphrase(passphrase)


@pytest.mark.parametrize("passphrase", ["q8#Lm2!vR", "0123456789", "abababababab"])
def test_a_passphrase_that_is_easy_to_guess_is_refused_with_the_rule(passphrase: str) -> None:
    with pytest.raises(InvalidValue, match="at least 10 characters, more if all are digits or many repeat,"):
        handover_links.check_passphrase(passphrase)


@pytest.mark.parametrize(("passphrase", "hours"), [("short", 72), ("aaaaaaaaaaaa", 72), ("x" * 201, 72), ("", 337)])
def test_a_weak_passphrase_and_a_long_lifetime_are_refused_and_nothing_is_enabled(
    outlet: Outlet, passphrase: str, hours: int
) -> None:
    with pytest.raises(InvalidValue):
        handover_links.create_link_instead(
            lambda: enabling.enable_outlet(outlet, pos_remote_id="R-1", actor=ANNA),
            hours=hours,
            passphrase=passphrase,
            actor=ANNA,
        )
    assert not Integration.objects.exists()


def test_a_link_opens_under_a_key_that_has_become_a_fallback(enabled: Enabled, settings: Any) -> None:
    created = create_link(enabled)
    settings.CREDENTIAL_KEY, settings.CREDENTIAL_KEY_FALLBACKS = "another key", []
    with pytest.raises(LinkRefused):
        handover_links.open_link(created.token, PASSPHRASE, **CLIENT)
    settings.CREDENTIAL_KEY_FALLBACKS = [settings.SECRET_KEY]
    assert handover_links.open_link(created.token, PASSPHRASE, **CLIENT)


def test_the_text_of_a_link_and_a_passphrase_are_redacted(enabled: Enabled) -> None:
    created = create_link(enabled)
    for line in (f"GET {created.url}", f"code={created.token.replace('-', '')}", f'{{"passphrase": "{PASSPHRASE}"}}'):
        redacted = redact(line)
        assert created.token[15:25] not in redacted
        assert created.token.replace("-", "")[12:] not in redacted
        assert "horse" not in redacted


@pytest.mark.django_db(transaction=True)
def test_if_two_recipients_open_a_link_at_once_only_one_sees_the_values(enabled: Enabled) -> None:
    created = create_link(enabled)
    start, seen, refused = threading.Barrier(4), [], []

    def open_it() -> None:
        start.wait(10)
        try:
            seen.append(handover_links.open_link(created.token, PASSPHRASE, **CLIENT))
        except LinkRefused as refusal:
            refused.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(seen), len(refused)) == (1, 3)
    assert AuditEvent.objects.filter(verb=Verb.LINK_OPENED).count() == 1


# --- The recipient's page


def test_visiting_the_address_does_not_use_up_the_link(client: Client, enabled: Enabled) -> None:
    created = create_link(enabled)
    for _ in range(10):
        assert client.get("/handover/").status_code == 200
        assert client.head("/handover/").status_code == 200
        assert client.get("/handover/", {"code": created.token, "passphrase": PASSPHRASE}).status_code == 200
    assert fresh(created).tries == 0
    assert client.put("/handover/").status_code == 405


def test_the_page_shows_the_values_and_is_not_cached(client: Client, enabled: Enabled) -> None:
    created = create_link(enabled)
    for response in (client.get("/handover/"), post(client, created.token, PASSPHRASE)):
        assert response.status_code == 200
        assert response["Cache-Control"] == "no-store"
        assert response["Referrer-Policy"] == "no-referrer"
        assert "noindex" in response["X-Robots-Tag"]
        assert not response.cookies
    for value in enabled.handover.as_wire().values():
        assert value in response.content.decode()


def test_every_refusal_reads_the_same(client: Client) -> None:
    links = {name: create_link(make_enabled_outlet(name)) for name in ("opened", "expired", "taken", "failed", "wrong")}
    handover_links.open_link(links["opened"].token, PASSPHRASE, **CLIENT)
    handover_links.revoke_link(links["taken"].link, actor=ANNA)
    HandoverLink.objects.filter(pk=links["expired"].link.pk).update(expires_at=timezone.now() - timedelta(hours=1))
    for _ in range(5):
        post(client, links["failed"].token, "a wrong passphrase")
    codes = {name: (created.token, PASSPHRASE) for name, created in links.items()} | {
        "wrong": (links["wrong"].token, "a wrong passphrase"),
        "unknown": ("ONPH-" + "-".join(["ABCDE"] * 10), PASSPHRASE),
        "nonsense": ("\x00 ü 世", PASSPHRASE),
        "secret": (generate(SecretKind.POS_SECRET), PASSPHRASE),
    }
    answers = {name: post(client, *given) for name, given in codes.items()}
    assert {answer.status_code for answer in answers.values()} == {403}
    assert len({text(answer) for answer in answers.values()}) == 1


def test_every_refusal_is_delayed(client: Client, enabled: Enabled, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(views, "REFUSED_AFTER", 0.75)
    monkeypatch.setattr("integrations.recipient.views.time.sleep", waited.append)
    created = create_link(enabled)
    post(client, created.token, "a wrong passphrase")
    post(client, "ONPH-" + "-".join(["ABCDE"] * 10), PASSPHRASE)
    assert len(waited) == 2
    assert all(0.3 < each <= 0.75 for each in waited)


def test_the_form_of_the_page_needs_no_cookie(enabled: Enabled) -> None:
    created = create_link(enabled)
    stranger = Client(enforce_csrf_checks=True)
    assert post(stranger, created.token, PASSPHRASE).status_code == 200
