"""One-time hand-over links: opened once, with the passphrase, and nothing learned from a refusal."""

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
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "REFUSED_AFTER", 0.0)


def make(enabled: Enabled, *, passphrase: str = PASSPHRASE, hours: int = 72) -> NewLink:
    credential = Integration.objects.get(pk=enabled.integration.pk).current_credential()
    return handover_links.create_link(credential, enabled.handover, hours=hours, passphrase=passphrase, actor=ANNA)


def fresh(made: NewLink) -> HandoverLink:
    return HandoverLink.objects.get(pk=made.link.pk)


def verbs() -> list[str]:
    return list(
        AuditEvent.objects.filter(verb__startswith="handover_link").order_by("pk").values_list("verb", flat=True)
    )


def post(client: Client, code: str, passphrase: str) -> Any:
    return client.post("/handover/", {"code": code, "passphrase": passphrase}, REMOTE_ADDR="198.51.100.9")


def test_a_link_opens_once_and_staff_see_when_and_from_where(enabled: Enabled) -> None:
    made = make(enabled)
    opened = handover_links.open_link(made.token, PASSPHRASE, **CLIENT)
    assert opened.handover == enabled.handover
    link = fresh(made)
    assert (link.state, link.sealed, link.address, link.user_agent) == (
        LinkState.OPENED, "", "198.51.100.9", "Browser/1",
    )  # fmt: skip
    with pytest.raises(LinkRefused):
        handover_links.open_link(made.token, PASSPHRASE, **CLIENT)
    assert verbs() == [Verb.LINK_MADE, Verb.LINK_OPENED]
    assert AuditEvent.objects.get(verb=Verb.LINK_OPENED).address == "198.51.100.9"


def test_the_whole_address_and_other_spellings_open_it_too(enabled: Enabled) -> None:
    made = make(enabled, passphrase="")
    spoken = made.passphrase.lower().replace("-", " ").replace("0", "o")
    assert handover_links.open_link(f" {made.url.lower()} ", spoken, **CLIENT)


def test_the_database_with_the_settings_does_not_open_it(enabled: Enabled) -> None:
    made = make(enabled)
    row = repr(HandoverLink.objects.values().get()) + repr(list(AuditEvent.objects.values()))
    assert enabled.handover.auth_secret not in row
    bare = made.token.replace("-", "").removeprefix("ONPH")
    assert bare[:25] not in row
    assert bare[25:] not in row
    assert PASSPHRASE not in row
    assert repr(made).count(made.token) == 0


@pytest.mark.parametrize("half", [0, -1])
def test_each_half_of_the_link_is_needed(enabled: Enabled, half: int) -> None:
    made = make(enabled)
    other = "X" if made.token[half] != "X" else "Y"
    wrong = f"{made.token[:-1]}{other}" if half else made.token.replace("ONPH-", "ONPH-ZZ", 1)[: len(made.token)]
    with pytest.raises(LinkRefused):
        handover_links.open_link(wrong, PASSPHRASE, **CLIENT)


def test_five_wrong_passphrases_and_the_link_is_dead(enabled: Enabled) -> None:
    made = make(enabled)
    for _ in range(5):
        assert fresh(made).sealed
        with pytest.raises(LinkRefused):
            handover_links.open_link(made.token, "a wrong passphrase", **CLIENT)
    assert (fresh(made).state, fresh(made).sealed) == (LinkState.FAILED, "")
    with pytest.raises(LinkRefused):
        handover_links.open_link(made.token, PASSPHRASE, **CLIENT)
    assert verbs() == [Verb.LINK_MADE, Verb.LINK_FAILED]


def test_the_fifth_try_may_be_the_right_one(enabled: Enabled) -> None:
    made = make(enabled)
    for _ in range(4):
        with pytest.raises(LinkRefused):
            handover_links.open_link(made.token, "a wrong passphrase", **CLIENT)
    assert handover_links.open_link(made.token, PASSPHRASE, **CLIENT)


def test_a_link_that_is_too_old_opens_nothing_and_is_erased(enabled: Enabled) -> None:
    made = make(enabled)
    HandoverLink.objects.update(expires_at=timezone.now())
    with pytest.raises(LinkRefused):
        handover_links.open_link(made.token, PASSPHRASE, **CLIENT)
    assert handover_links.expire_links() == 1
    assert handover_links.expire_links() == 0
    assert (fresh(made).state, fresh(made).sealed) == (LinkState.EXPIRED, "")
    assert verbs() == [Verb.LINK_MADE, Verb.LINK_EXPIRED]


def test_a_link_that_was_taken_back_opens_nothing(enabled: Enabled) -> None:
    made = make(enabled)
    handover_links.revoke_link(made.link, actor=ANNA)
    with pytest.raises(LinkRefused):
        handover_links.open_link(made.token, PASSPHRASE, **CLIENT)
    with pytest.raises(LinkEnded):
        handover_links.revoke_link(made.link, actor=ANNA)
    assert (fresh(made).state, fresh(made).sealed) == (LinkState.TAKEN_BACK, "")
    assert verbs() == [Verb.LINK_MADE, Verb.LINK_TAKEN_BACK]


@pytest.mark.parametrize(
    "act",
    [
        lambda row: pos_secrets.rotate_secret(row, overlap="24h", actor=ANNA),
        lambda row: enabling.disable(row, reason="Closed", actor=ANNA),
    ],
)
def test_rotating_and_disabling_take_the_link_back(enabled: Enabled, act: Callable[[Integration], Any]) -> None:
    made = make(enabled)
    act(enabled.integration)
    assert (fresh(made).state, fresh(made).sealed) == (LinkState.TAKEN_BACK, "")
    assert Verb.LINK_TAKEN_BACK in verbs()


def test_a_corrected_pos_remote_id_is_what_the_recipient_gets(enabled: Enabled) -> None:
    made = make(enabled)
    enabling.change_pos_remote_id(enabled.integration, pos_remote_id="Corrected", actor=ANNA)
    assert handover_links.open_link(made.token, PASSPHRASE, **CLIENT).handover.pos_remote_id == "Corrected"


def test_an_adopted_secret_goes_by_link_too(outlet: Outlet) -> None:
    made = handover_links.create_link_instead(
        lambda: enabling.enable_outlet(outlet, pos_remote_id="R-1", adopted_secret=ADOPTED, actor=ANNA),
        hours=1,
        actor=ANNA,
    )
    assert made.is_generated
    assert handover_links.open_link(made.token, made.passphrase, **CLIENT).handover.auth_secret == ADOPTED


@pytest.mark.parametrize("passphrase", ["q8#Lm2!vRt", "letmeinlet", "0123456789012"])
def test_a_passphrase_of_ten_characters_is_accepted_and_one_of_digits_when_it_is_longer(passphrase: str) -> None:
    handover_links.check_passphrase(passphrase)


@pytest.mark.parametrize("passphrase", ["q8#Lm2!vR", "0123456789", "abababababab"])
def test_a_passphrase_that_is_easy_to_guess_is_refused_with_the_rule(passphrase: str) -> None:
    with pytest.raises(InvalidValue, match="at least 10 characters, more if all are digits or many repeat,"):
        handover_links.check_passphrase(passphrase)


@pytest.mark.parametrize(("passphrase", "hours"), [("short", 72), ("aaaaaaaaaaaa", 72), ("x" * 201, 72), ("", 337)])
def test_a_weak_passphrase_and_a_long_life_are_refused_and_nothing_is_enabled(
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


def test_a_link_opens_under_a_key_that_is_a_fallback_by_now(enabled: Enabled, settings: Any) -> None:
    made = make(enabled)
    settings.CREDENTIAL_KEY, settings.CREDENTIAL_KEY_FALLBACKS = "another key", []
    with pytest.raises(LinkRefused):
        handover_links.open_link(made.token, PASSPHRASE, **CLIENT)
    settings.CREDENTIAL_KEY_FALLBACKS = [settings.SECRET_KEY]
    assert handover_links.open_link(made.token, PASSPHRASE, **CLIENT)


def test_the_redaction_knows_a_links_text_and_a_passphrase(enabled: Enabled) -> None:
    made = make(enabled)
    for line in (f"GET {made.url}", f"code={made.token.replace('-', '')}", f'{{"passphrase": "{PASSPHRASE}"}}'):
        redacted = redact(line)
        assert made.token[15:25] not in redacted
        assert made.token.replace("-", "")[12:] not in redacted
        assert "horse" not in redacted


@pytest.mark.django_db(transaction=True)
def test_of_two_who_open_at_once_one_sees_it(enabled: Enabled) -> None:
    made = make(enabled)
    start, seen, refused = threading.Barrier(4), [], []

    def open_it() -> None:
        start.wait(10)
        try:
            seen.append(handover_links.open_link(made.token, PASSPHRASE, **CLIENT))
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


def test_looking_at_the_address_uses_nothing_up(client: Client, enabled: Enabled) -> None:
    made = make(enabled)
    for _ in range(10):
        assert client.get("/handover/").status_code == 200
        assert client.head("/handover/").status_code == 200
        assert client.get("/handover/", {"code": made.token, "passphrase": PASSPHRASE}).status_code == 200
    assert fresh(made).tries == 0
    assert client.put("/handover/").status_code == 405


def test_the_page_shows_the_values_and_is_kept_nowhere(client: Client, enabled: Enabled) -> None:
    made = make(enabled)
    for response in (client.get("/handover/"), post(client, made.token, PASSPHRASE)):
        assert response.status_code == 200
        assert response["Cache-Control"] == "no-store"
        assert response["Referrer-Policy"] == "no-referrer"
        assert "noindex" in response["X-Robots-Tag"]
        assert not response.cookies
    for value in enabled.handover.as_wire().values():
        assert value in response.content.decode()


def test_every_refusal_reads_the_same(client: Client) -> None:
    links = {name: make(make_enabled_outlet(name)) for name in ("opened", "expired", "taken", "failed", "wrong")}
    handover_links.open_link(links["opened"].token, PASSPHRASE, **CLIENT)
    handover_links.revoke_link(links["taken"].link, actor=ANNA)
    HandoverLink.objects.filter(pk=links["expired"].link.pk).update(expires_at=timezone.now() - timedelta(hours=1))
    for _ in range(5):
        post(client, links["failed"].token, "a wrong passphrase")
    codes = {name: (made.token, PASSPHRASE) for name, made in links.items()} | {
        "wrong": (links["wrong"].token, "a wrong passphrase"),
        "unknown": ("ONPH-" + "-".join(["ABCDE"] * 10), PASSPHRASE),
        "nonsense": ("\x00 ü 世", PASSPHRASE),
        "secret": (generate(SecretKind.POS_SECRET), PASSPHRASE),
    }
    answers = {name: post(client, *given) for name, given in codes.items()}
    assert {answer.status_code for answer in answers.values()} == {403}
    assert len({text(answer) for answer in answers.values()}) == 1


def test_a_refusal_takes_its_time_whatever_the_reason(
    client: Client, enabled: Enabled, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(views, "REFUSED_AFTER", 0.75)
    monkeypatch.setattr("integrations.recipient.views.time.sleep", waited.append)
    made = make(enabled)
    post(client, made.token, "a wrong passphrase")
    post(client, "ONPH-" + "-".join(["ABCDE"] * 10), PASSPHRASE)
    assert len(waited) == 2
    assert all(0.3 < each <= 0.75 for each in waited)


def test_what_is_sent_to_the_page_needs_no_cookie(enabled: Enabled) -> None:
    made = make(enabled)
    stranger = Client(enforce_csrf_checks=True)
    assert post(stranger, made.token, PASSPHRASE).status_code == 200
