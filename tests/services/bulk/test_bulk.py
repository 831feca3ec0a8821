"""Many outlets at once: a file says what is wrong with it before anything is done; then it is done in steps."""

import csv
import io
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import (
    AuditEvent,
    Credential,
    Integration,
    Organisation,
    Outlet,
    Presence,
    StaffLimit,
)
from integrations.models.audit import Verb
from integrations.services.audit import Actor
from integrations.services.bulk import confirming, selection
from integrations.services.bulk import enabling as bulk_enabling
from integrations.services.bulk import file as bulk_file
from integrations.services.bulk.confirming import Checked, CheckUnreadable, NothingToDo, RowsWrong
from integrations.services.bulk.enabling import Permissions
from integrations.services.bulk.file import FileRefused
from integrations.services.bulk.plan import BulkAction, PlannedRow, RowRefused, RowsChanged, Verdict
from integrations.services.bulk.results import result_csv
from integrations.services.errors import InvalidValue
from integrations.services.integration import enabling, pos_secrets
from integrations.services.outlets import outlets
from tests.support.factories import ADOPTED, ANNA, BELLA, Enabled, make_enabled_outlet, make_organisation, make_outlet

pytestmark = pytest.mark.django_db

HEADER = "Organisation,Outlet,POSRemoteID,ProviderOutletID,AdoptedSecret"


def lines(*rows: str, header: str = HEADER) -> bytes:
    return "\r\n".join([header, *rows, ""]).encode()


def plan(*rows: str, header: str = HEADER, may: Permissions | None = None) -> list[PlannedRow]:
    return bulk_enabling.check(bulk_file.read_rows(lines(*rows, header=header)), may or Permissions())


def only(*rows: str, header: str = HEADER, may: Permissions | None = None) -> PlannedRow:
    """The plan's last row."""
    return plan(*rows, header=header, may=may)[-1]


@pytest.fixture
def boss() -> Actor:
    return Actor("boss", User.objects.create_superuser("boss"), "192.0.2.1")


def checked_file(boss: Actor, *rows: str) -> Checked:
    return confirming.check_file(lines(*rows), name="chain.csv", actor=boss)


def selected(action: BulkAction, *ids: int, actor: Actor) -> Checked:
    return confirming.check_selection(action, ids, actor=actor)


def done(checked: Checked, boss: Actor, **options: Any) -> list[dict[str, str]]:
    """Confirm, and return the rows of the file with the new secrets."""
    enabled = confirming.confirm(checked.sealed, actor=boss, **options)
    return list(csv.DictReader(io.StringIO(result_csv(enabled, "a new secret"))))


# --- The file


@pytest.mark.parametrize(
    "content",
    [
        b"Organisation,Outlet,POSRemoteID\r\nBella,Harbour,R-1\r\n",
        b"\xef\xbb\xbforganisation;OUTLET;pos remote id\r\nBella;Harbour;R-1\r\n",
        b"pos_remote_id,  Outlet ,Organization,,\nR-1,Harbour,Bella,,\n\n , ,\n",
        b'"Organisation","Outlet","POS-Remote-ID"\n"Bella"," Harbour ","R-1"',
        b"sep=;\r\nOrganisation;Outlet;POSRemoteID\r\nBella;Harbour;R-1\r\n",
        b"\xef\xbb\xbfSEP=|\nOrganisation|Outlet|POSRemoteID\nBella|Harbour|R-1",
        b'"sep=,"\rOrganisation,Outlet,POSRemoteID\rBella,Harbour,R-1\r',
        b"sep=\t\r\nOrganisation\tOutlet\tPOSRemoteID\r\nBella\tHarbour\tR-1\r\n",
        b"sep=^\nOrganisation^Outlet^POSRemoteID\nBella^Harbour^R-1\n",
        b"Organisation\tOutlet\tPOSRemoteID\nBella\tHarbour\tR-1",
        b'="Organisation";="Outlet";="POSRemoteID"\n="Bella";="Harbour";="R-1"\n',
        b'"=""Organisation""",Outlet,POSRemoteID\n"=""Bella""",="Harbour",R-1\n',
        "Organisation\tOutlet\tPOSRemoteID\r\nBella\tHarbour\tR-1\r\n".encode("utf-16"),
        "\ufeffOrganisation;Outlet;POSRemoteID\r\nBella;Harbour;R-1\r\n".encode("utf-16-be"),
        "sep=,\r\nOrganisation,Outlet,POSRemoteID\r\nBella,Harbour,R-1\r\n".encode("utf-16-le"),
        "Organisation,Outlet,POSRemoteID\nBella,Harbour,R-1\n".encode("utf-32"),
        "\u200bOrganisation,Outlet\u00a0,POSRemoteID\nBella\u200b,\u00a0Harbour,\ufeffR-1\u00a0\n".encode(),
    ],
)
def test_a_file_is_read_as_spreadsheets_write_it(content: bytes) -> None:
    (row,) = bulk_file.read_rows(content)
    assert (row.number, row.organisation, row.outlet, row.pos_remote_id) == (2, "Bella", "Harbour", "R-1")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "file is empty"),
        (b"Organisation,Outlet,POSRemoteID\n", "no outlet"),
        (b"Organisation,Outlet\nBella,Harbour\n", "POSRemoteID is missing"),
        (b"Organisation,Outlet,POSRemoteID,Colour\n", "'Colour' is unknown"),
        (b"Organisation,Outlet,POSRemoteID,outlet\n", "Outlet is there twice"),
        (b"Organisation,Outlet,POSRemoteID\nCaf\x81\xe9,x,y\n", "Line 2 is not UTF-8"),
        ("Organisation,Outlet,POSRemoteID\nCaf\u00e9,x,y\n".encode("utf-16")[:-1], "not UTF-8"),
        (b'Organisation,Outlet,POSRemoteID\nBella,"Harbour,R-1\n', "quotation mark"),
        (b"Organisation,Outlet,POSRemoteID\nBella\x00,x,y\n", "not a CSV file"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_change(content: bytes, words: str) -> None:
    with pytest.raises(FileRefused, match=words):
        bulk_file.read_rows(content)


def test_a_page_takes_so_many_rows_and_names_the_command_that_takes_any_number(
    boss: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirming, "MOST_ROWS", 2)
    monkeypatch.setattr(confirming, "MOST_HASHED", 1)
    rows = ("B,a,1,,", "B,b,2,,", "B,c,3,,")
    assert len(plan(*rows)) == 3
    assert checked_file(boss, *rows[:2]).acting == 2
    with pytest.raises(FileRefused, match=r"more than 2 outlets.*manage\.py enable_outlets FILE"):
        checked_file(boss, *rows)
    with pytest.raises(FileRefused, match=r"more than 1 secrets.*manage\.py enable_outlets FILE"):
        checked_file(boss, "B,a,1,,s3cret-of-theirs", "B,b,2,,another-of-theirs")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (",Harbour,R-1,,", "Organisation is empty"),
        ("Bella,,R-1,,", "Outlet is empty"),
        ("Bella,Harbour,,,", "POSRemoteID is empty"),
        ("Bella,Harbour", "POSRemoteID is empty"),
        (f"Bella,Harbour,{'x' * 129},,", "129 characters; 128 are allowed"),
        (f"Bella,Harbour,R-1,{'x' * 65},", "65 characters; 64 are allowed"),
        ("Bella,Har\x07bour,R-1,,", "U+0007 CONTROL CHARACTER"),
        ('Bella,"Har\nbour",R-1,,', "U+000A LINE FEED"),
        ("Be\u200blla,Harbour,R-1,,", "Organisation: It contains U+200B ZERO WIDTH SPACE"),
        ("Bella,Harbour,R\u00ad1,,", "POSRemoteID: It contains U+00AD SOFT HYPHEN"),
        ("Bella,Harbour,R-1,,short", "too short"),
        ("Bella,Harbour,R-1,,ONPS-11111-11111-11111-11111-11111-11111-11111", "mistyped"),
        ("Bella,Harbour,R-1,,,surplus", "more cells"),
    ],
)
def test_a_wrong_row_says_what_is_wrong(row: str, words: str) -> None:
    planned = only("Good,Row,R-0,,", row)
    assert (planned.verdict, planned.number) == (Verdict.WRONG, 3)
    assert words in planned.words


def test_each_cell_may_have_the_length_that_its_column_holds() -> None:
    row = only(f"{'o' * 200},{'x' * 200},{'r' * 128},{'p' * 64},")
    assert row.verdict is Verdict.ACT, row.words
    for name, model in (("organisation", Organisation), ("outlet", Outlet)):
        assert bulk_enabling.LENGTHS[name] == model._meta.get_field("name").max_length
    for name in ("organisation", "outlet"):
        long = {"organisation": "Bella", "outlet": "Harbour"} | {name: "x" * 201}
        assert "201 characters; 200 are allowed" in only(f"{long['organisation']},{long['outlet']},R-1,,").words


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("Bella,Harbour,R-2,,", "This outlet stands in row 2"),
        ("Bella,Garden,R-1,,", "This POSRemoteID stands in row 2"),
        ("Bella,Garden,R-2,P-1,", "This ProviderOutletID stands in row 2"),
        ("Bella,Garden,R-2,,a-long-secret", "This secret stands in row 2"),
    ],
)
def test_what_stands_twice_in_the_file_is_wrong(row: str, words: str) -> None:
    assert words in only("Bella,Harbour,R-1,P-1,a-long-secret", row).words


def test_what_the_database_has_already_is_wrong(enabled: Enabled, outlet: Outlet) -> None:
    remote, provider = enabled.handover.pos_remote_id, enabled.handover.provider_outlet_id
    assert "has this POSRemoteID" in only(f"Bella,New,{remote},,").words
    assert "has this ProviderOutletID" in only(f"Bella,New,R-9,{provider},").words
    assert "another credential's" in only(f"Bella,New,R-9,,{enabled.handover.auth_secret}").words
    assert f"with the ProviderOutletID {outlet.provider_outlet_id}" in only(f"{BELLA},Harbour,R-9,other,").words
    assert "change that on its page" in only(f"{BELLA},Station,R-9,,").words


def test_what_is_there_the_same_stays_as_it_is(enabled: Enabled) -> None:
    planned = only(f"{BELLA},Station,{enabled.handover.pos_remote_id},{enabled.handover.provider_outlet_id},")
    assert (planned.verdict, planned.words) == (
        Verdict.SKIP,
        "It is enabled already, with this POSRemoteID: it stays as it is.",
    )


def test_the_dry_run_says_what_is_made(outlet: Outlet) -> None:
    rows = (f"{BELLA},Harbour,R-1,,", f"{BELLA},New,R-2,,", "Osteria,New,R-3,,a-long-secret")
    assert [row.words for row in plan(*rows)] == [
        "Enable it, with a new secret.",
        "Make the outlet, enable it, with a new secret.",
        "Make the organisation and the outlet, enable it, with the secret of the file.",
    ]


def test_who_is_limited_learns_nothing_of_other_organisations(outlet: Outlet) -> None:
    own = make_organisation("Own")
    may = Permissions(frozenset({own.pk}))
    assert only("Own,New,R-1,,", may=may).verdict is Verdict.ACT
    assert only(f"{BELLA},Harbour,R-2,,", may=may).words == only("Nowhere,Harbour,R-2,,", may=may).words


def test_who_may_not_add_is_told_so(outlet: Outlet) -> None:
    assert "may not add one" in only("Osteria,New,R-1,,", may=Permissions(add_organisation=False)).words
    assert "may not add one" in only(f"{BELLA},New,R-1,,", may=Permissions(add_outlet=False)).words
    assert (
        only(f"{BELLA},Harbour,R-1,,", may=Permissions(add_organisation=False, add_outlet=False)).verdict is Verdict.ACT
    )


def test_a_guarded_cell_comes_back_in_as_it_was() -> None:
    (row,) = bulk_file.read_rows(lines("'=Bella,O'Neill,'-R1,,"))
    assert (row.organisation, row.outlet, row.pos_remote_id) == ("=Bella", "O'Neill", "-R1")


# --- Enabling from a file


def test_a_confirmed_file_enables_all_its_outlets(boss: Actor, outlet: Outlet) -> None:
    checked = checked_file(
        boss, f"{BELLA},Harbour,R-1,,", "Osteria,Garden,R-2,P-2,", "Osteria,Cellar,R-3,,s3cret-of-theirs"
    )
    assert Integration.objects.count() == 0
    first, second, third = done(checked, boss)
    assert Integration.objects.count() == Presence.objects.count() == Credential.objects.count() == 3
    assert (first["ProviderOutletID"], second["ProviderOutletID"]) == (outlet.provider_outlet_id, "P-2")
    assert pos_secrets.recognise(first["AuthSecret"]) == first["AuthSecret"]
    assert (third["AuthSecret"], third["Note"]) == ("", "the secret of the file")
    event = AuditEvent.objects.get(verb=Verb.BULK_CONFIRMED)
    assert (event.subject, event.detail) == ("Enable from a file: chain.csv", {"outlets": 3})


def test_the_audit_events_are_those_of_single_acts(boss: Actor) -> None:
    done(checked_file(boss, "Osteria,Garden,R-2,,s3cret-of-theirs"), boss)
    by_file = {(each.verb, each.subject): each for each in AuditEvent.objects.exclude(verb=Verb.BULK_CONFIRMED)}
    organisation = outlets.get_or_create_organisation("Single", actor=boss)
    one = outlets.create_outlet(organisation, name="Garden", actor=boss)
    enabling.enable_outlet(one, pos_remote_id="R-9", adopted_secret="another-of-theirs", actor=boss)
    singly = AuditEvent.objects.filter(subject__startswith="Single")
    assert {each.verb for each in singly} == {verb for verb, _ in by_file}
    for each in singly:
        twin = by_file[each.verb, each.subject.replace("Single", "Osteria")]
        assert (set(twin.detail), twin.actor_name, twin.address) == (set(each.detail), "boss", "192.0.2.1")
        assert (twin.outlet_id is None, twin.integration_id is None, twin.organisation_id is None) == (
            each.outlet_id is None, each.integration_id is None, each.organisation_id is None,
        )  # fmt: skip


def test_an_adopted_secret_is_nowhere_in_plain_text(boss: Actor) -> None:
    checked = checked_file(boss, f"Osteria,Garden,R-2,,{ADOPTED}")
    done(checked, boss)
    assert ADOPTED not in checked.sealed + repr(checked) + repr(list(AuditEvent.objects.values()))


def test_one_wrong_row_and_nothing_can_be_confirmed(boss: Actor) -> None:
    checked = checked_file(boss, "Osteria,Garden,R-2,,", "Osteria,,R-3,,")
    with pytest.raises(RowsWrong):
        done(checked, boss)


def test_nothing_is_enabled_twice(boss: Actor) -> None:
    checked = checked_file(boss, "Osteria,Garden,R-2,,")
    done(checked, boss)
    with pytest.raises(RowsChanged):
        done(checked, boss)
    with pytest.raises(NothingToDo):
        done(checked_file(boss, "Osteria,Garden,R-2,,"), boss)
    assert Credential.objects.count() == 1


def test_a_confirmation_of_another_person_or_altered_is_refused(boss: Actor, settings: Any) -> None:
    checked = checked_file(boss, "Osteria,Garden,R-2,,")
    other = Actor("other", User.objects.create_superuser("other"))
    with pytest.raises(CheckUnreadable):
        confirming.confirm(checked.sealed, actor=other)
    with pytest.raises(CheckUnreadable):
        confirming.confirm(checked.sealed[:-8] + "AAAAAAA=", actor=boss)
    with pytest.raises(CheckUnreadable):
        confirming.check_again(checked.sealed, action=BulkAction.ROTATE, actor=boss)
    settings.CREDENTIAL_KEY, settings.CREDENTIAL_KEY_FALLBACKS = "another", []
    with pytest.raises(CheckUnreadable):
        confirming.confirm(checked.sealed, actor=boss)
    assert not Integration.objects.exists()


def test_a_world_that_changed_after_the_check_refuses_all_of_it(boss: Actor) -> None:
    checked = checked_file(boss, "Osteria,Garden,R-2,,", f"{BELLA},New,R-3,,")
    make_enabled_outlet("Station", pos_remote_id="R-3")
    with pytest.raises(RowsChanged):
        done(checked, boss)
    assert not Organisation.objects.filter(name="Osteria").exists()


def test_a_secret_that_another_outlet_has_stops_all_and_names_the_row(boss: Actor) -> None:
    make_enabled_outlet("Station", adopted_secret=ADOPTED)
    with pytest.raises(RowRefused, match=r"^Row 3 \(Cellar\): This secret is, or was, another") as refused:
        done(checked_file(boss, "Osteria,Garden,R-2,,", f"Osteria,Cellar,R-3,,{ADOPTED}"), boss)
    assert ADOPTED not in str(refused.value)
    assert Integration.objects.count() == 1


# --- Actions on many


def test_disabling_many_skips_those_that_are_disabled_and_does_the_rest(boss: Actor) -> None:
    one, two = make_enabled_outlet("One"), make_enabled_outlet("Two")
    enabling.disable(two.integration, reason="Closed", actor=ANNA)
    checked = selected(BulkAction.DISABLE, one.integration.pk, two.integration.pk, actor=boss)
    assert [(row.outlet, row.verdict) for row in checked.plan] == [("One", Verdict.ACT), ("Two", Verdict.SKIP)]
    done(checked, boss, reason="Holidays")
    after = one.fresh()
    assert (after.is_enabled, after.disabled_reason, after.generation) == (False, "Holidays", 2)
    assert two.fresh().disabled_reason == "Closed"


def test_disabling_many_needs_a_reason(boss: Actor) -> None:
    checked = selected(BulkAction.DISABLE, make_enabled_outlet("One").integration.pk, actor=boss)
    with pytest.raises(InvalidValue):
        done(checked, boss, reason=" ")


def test_enabling_many_again(boss: Actor) -> None:
    one = make_enabled_outlet("One")
    enabling.disable(one.integration, reason="Closed", actor=ANNA)
    done(selected(BulkAction.REENABLE, one.integration.pk, actor=boss), boss)
    assert (one.fresh().is_enabled, one.fresh().disabled_reason) == (True, "")


@pytest.mark.parametrize(("overlap", "generation"), [("0", 2), ("24h", 1)])
def test_rotating_many_gives_each_its_secret_once(boss: Actor, overlap: str, generation: int) -> None:
    one, two = make_enabled_outlet("One"), make_enabled_outlet("Two")
    olds = {each.integration.pk: each.integration.current_credential().pk for each in (one, two)}
    checked = selected(BulkAction.ROTATE, *olds, actor=boss)
    assert [each["Outlet"] for each in done(checked, boss, overlap=overlap)] == ["One", "Two"]
    with pytest.raises(RowsChanged):
        done(checked, boss, overlap=overlap)
    for each in (one, two):
        old = Credential.objects.get(pk=olds[each.integration.pk])
        assert (old.is_current, old.is_live(timezone.now())) == (False, overlap == "24h")
        assert each.fresh().generation == generation
        assert each.integration.credentials.count() == 2


def test_a_disabling_that_is_sent_again_after_the_outlet_was_enabled_again_does_nothing(boss: Actor) -> None:
    one = make_enabled_outlet("One")
    checked = selected(BulkAction.DISABLE, one.integration.pk, actor=boss)
    done(checked, boss, reason="Holidays")
    enabling.reenable(one.fresh(), actor=ANNA)
    with pytest.raises(RowsChanged):
        done(checked, boss, reason="Holidays")
    assert one.fresh().is_enabled


def test_an_integration_in_its_overlap_is_skipped(boss: Actor) -> None:
    one = make_enabled_outlet("One")
    pos_secrets.rotate_secret(one.integration, overlap="1h", actor=ANNA)
    checked = selected(BulkAction.ROTATE, one.integration.pk, actor=boss)
    assert "end its overlap first" in checked.plan[0].words


def test_a_rotation_in_between_refuses_the_whole_act(boss: Actor) -> None:
    one, two = make_enabled_outlet("One"), make_enabled_outlet("Two")
    ids = (one.integration.pk, two.integration.pk)
    checked = selected(BulkAction.ROTATE, *ids, actor=boss)
    pos_secrets.rotate_secret(two.integration, actor=ANNA)
    with pytest.raises(RowsChanged):
        done(checked, boss)
    assert one.integration.credentials.count() == 1
    assert len(done(selected(BulkAction.ROTATE, *ids, actor=boss), boss)) == 2


def test_an_act_reaches_only_what_its_person_may_see() -> None:
    one = make_enabled_outlet("One")
    user = User.objects.create_user("limited", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="change_integration"))
    StaffLimit.objects.create(user=user).organisations.set([make_organisation("Own")])
    with pytest.raises(NothingToDo):
        selected(BulkAction.DISABLE, one.integration.pk, actor=Actor("limited", user))


def test_one_wake_up_is_enough_for_many(boss: Actor, django_capture_on_commit_callbacks: Callable[..., Any]) -> None:
    ids = [make_enabled_outlet(f"Outlet {number}").integration.pk for number in range(5)]
    checked = selected(BulkAction.DISABLE, *ids, actor=boss)
    with django_capture_on_commit_callbacks() as callbacks:
        done(checked, boss, reason="Holidays")
    assert len(callbacks) == 1
    assert selection.check(BulkAction.DISABLE, ids, None)[0].verdict is Verdict.SKIP


def test_many_rows_take_few_queries(django_assert_max_num_queries: Callable[..., Any], boss: Actor) -> None:
    make_outlet("Harbour")
    checked = checked_file(boss, *(f"Chain {number % 7},Outlet {number},R-{number},," for number in range(1000)))
    with django_assert_max_num_queries(100):
        done(checked, boss)
    assert Integration.objects.count() == 1000


@pytest.mark.parametrize("action", [BulkAction.ROTATE, BulkAction.DISABLE])
def test_an_action_on_more_rows_takes_no_more_queries(boss: Actor, action: BulkAction) -> None:
    counts = []
    for size in (2, 20):
        ids = [make_enabled_outlet(f"Outlet {size}-{number}").integration.pk for number in range(size)]
        checked = selected(action, *ids, actor=boss)
        with CaptureQueriesContext(connection) as queries:
            done(checked, boss, **({"reason": "Holidays"} if action is BulkAction.DISABLE else {}))
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- Names, numbers and secrets as spreadsheets and people write them


def test_a_number_that_a_spreadsheet_kept_as_text_has_its_zeros() -> None:
    (row,) = bulk_file.read_rows(lines('="007",="00123",="00456",="00789","=""0012345678"""'))
    assert (row.organisation, row.outlet, row.pos_remote_id) == ("007", "00123", "00456")
    assert (row.provider_outlet_id, row.adopted_secret) == ("00789", "0012345678")


def test_a_file_of_windows_is_read_and_its_accents_are_doubted() -> None:
    (row, plain) = bulk_file.read_rows(
        "Organisation;Outlet;POSRemoteID\nCaf\u00e9;H\u00f4tel \u20ac;R-1\nBella;Harbour;R-2".encode("cp1252")
    )
    assert (row.organisation, row.outlet) == ("Caf\u00e9", "H\u00f4tel \u20ac")
    assert "read as Windows-1252" in row.doubt
    assert plain.doubt == ""


def test_one_name_in_several_spellings_is_one_organisation(boss: Actor) -> None:
    make_organisation("Caf\u00e9 Bar")
    rows = [
        "Caf\u00e9 Bar,A,R-1,,",
        "Cafe\u0301 Bar,B,R-2,,",
        "Caf\u00e9\u00a0Bar,C,R-3,,",
        " Caf\u00e9  Bar\u200b,D,R-4,,",
    ]
    assert not any(each.warning for each in plan(*rows))
    done(checked_file(boss, *rows), boss)
    assert list(Organisation.objects.values_list("name", flat=True)) == ["Caf\u00e9 Bar"]
    assert Outlet.objects.count() == 4


@pytest.mark.parametrize("name", ["cafe bar", "CAF\u00c9 BAR", "C\u00e4fe Bar", "Cafe Bar"])
def test_a_name_that_differs_in_case_or_accents_alone_is_a_warning(name: str) -> None:
    make_organisation("Caf\u00e9 Bar")
    assert f"“{name}” differs from “Caf\u00e9 Bar”" in only(f"{name},A,R-1,,").warning
    assert only("Caf\u00e9 Baz,A,R-1,,").warning == ""


@pytest.mark.parametrize("name", ["O\u2019Hara\u2013Bar", "O\u02bcHara-Bar", "\uff2f'HARA\u2212BAR"])
def test_a_name_of_characters_that_look_alike_is_a_warning_that_names_them(name: str) -> None:
    make_organisation("O'Hara-Bar")
    warning = only(f"{name},A,R-1,,").warning
    assert f"“{name}” differs from “O'Hara-Bar” only in characters that look alike (U+" in warning
    assert only("OHara-Bar,A,R-1,,").warning == ""


def test_names_within_one_file_are_compared_too_and_an_outlet_within_its_organisation_only() -> None:
    first, second, elsewhere = plan("Osteria,Harbour,R-1,,", "Osteria,H\u00e0rbour,R-2,,", "Bella,HARBOUR,R-3,,")
    assert [first.warning, elsewhere.warning] == ["", ""]
    assert "“H\u00e0rbour” differs from “Harbour”" in second.warning


def test_a_name_that_is_there_exactly_is_no_warning_although_another_is_near() -> None:
    for name in ("Cafe", "Caf\u00e9"):
        make_organisation(name)
    assert [only(f"{name},A,R-1,,").warning for name in ("Cafe", "Caf\u00e9")] == ["", ""]


def test_a_warning_tells_a_limited_person_nothing_of_other_organisations(outlet: Outlet) -> None:
    make_organisation("Osteria")
    may = Permissions(organisations=frozenset([outlet.organisation_id]))
    assert only("OSTERIA,A,R-1,,", may=may).warning == ""


def test_an_id_in_another_spelling_of_its_uuid_is_the_same(enabled: Enabled) -> None:
    outlet = enabled.integration.outlet
    sent = outlet.provider_outlet_id.upper()
    same = only(f"{BELLA},{outlet.name},{enabled.integration.pos_remote_id},{{{sent}}},")
    assert same.verdict is Verdict.SKIP
    assert "Another outlet has this ProviderOutletID" in only(f"{BELLA},New,R-9,{sent},").words


def stop_before(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, call: int, error: Exception) -> None:
    """Let the function raise at its n-th call, and work again after that."""
    calls, real = itertools.count(1), getattr(module, name)

    def stopping(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == call:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, stopping)
