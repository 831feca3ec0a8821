"""Bulk enabling reports every error in a file before it changes anything."""

import pytest

from integrations.models import Organisation, Outlet
from integrations.services.audit import Actor
from integrations.services.bulk import confirming
from integrations.services.bulk import file as bulk_file
from integrations.services.bulk.enabling import Permissions
from integrations.services.bulk.file import FileRefused
from integrations.services.bulk.plan import Verdict
from tests.services.bulk.sheets import checked_file, done, lines, only, plan
from tests.support.factories import BELLA, Enabled, make_enabled_outlet, make_organisation

pytestmark = pytest.mark.django_db


# --- The file


@pytest.mark.parametrize(
    "content",
    [
        b"Organisation,Outlet,POSRemoteID\r\nBella,Harbour,R-1\r\n",
        b"\xef\xbb\xbforganisation;OUTLET;pos remote id\r\nBella;Harbour;R-1\r\n",
        b"pos_remote_id,  Outlet ,Organization,,\nR-1,Harbour,Bella,,\n\n , ,\n",  # codespell:ignore organization
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
def test_files_in_the_formats_of_spreadsheets_are_read(content: bytes) -> None:
    (row,) = bulk_file.read_rows(content)
    assert (row.number, row.organisation, row.outlet, row.pos_remote_id) == (2, "Bella", "Harbour", "R-1")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "file is empty"),
        (b"Organisation,Outlet,POSRemoteID\n", "no outlet"),
        (b"Organisation,Outlet\nBella,Harbour\n", "POSRemoteID is missing"),
        (b"Organisation,Outlet,POSRemoteID,Colour\n", "'Colour' is unknown"),
        (b"Organisation,Outlet,POSRemoteID,outlet\n", "Outlet appears twice"),
        (b"Organisation,Outlet,POSRemoteID\nCaf\x81\xe9,x,y\n", "Line 2 is not UTF-8"),
        ("Organisation,Outlet,POSRemoteID\nCaf\u00e9,x,y\n".encode("utf-16")[:-1], "not UTF-8"),
        (b'Organisation,Outlet,POSRemoteID\nBella,"Harbour,R-1\n', "quotation mark"),
        (b"Organisation,Outlet,POSRemoteID\nBella\x00,x,y\n", "not a CSV file"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_change(content: bytes, words: str) -> None:
    with pytest.raises(FileRefused, match=words):
        bulk_file.read_rows(content)


def test_the_page_limits_the_rows_and_names_the_command_without_a_limit(
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


def test_each_cell_may_be_as_long_as_its_database_column() -> None:
    row = only(f"{'o' * 200},{'x' * 200},{'r' * 128},{'p' * 64},")
    assert row.verdict is Verdict.ACT, row.words
    for name in ("organisation", "outlet"):
        long = {"organisation": "Bella", "outlet": "Harbour"} | {name: "x" * 201}
        assert "201 characters; 200 are allowed" in only(f"{long['organisation']},{long['outlet']},R-1,,").words


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("Bella,Harbour,R-2,,", "This outlet is already used in row 2"),
        ("Bella,Garden,R-1,,", "This POSRemoteID is already used in row 2"),
        ("Bella,Garden,R-2,P-1,", "This ProviderOutletID is already used in row 2"),
        ("Bella,Garden,R-2,,a-long-secret", "This secret is already used in row 2"),
    ],
)
def test_a_duplicate_within_the_file_is_an_error(row: str, words: str) -> None:
    assert words in only("Bella,Harbour,R-1,P-1,a-long-secret", row).words


def test_a_value_that_the_database_already_has_is_an_error(enabled: Enabled, outlet: Outlet) -> None:
    remote, provider = enabled.handover.pos_remote_id, enabled.handover.provider_outlet_id
    assert "has this POSRemoteID" in only(f"Bella,New,{remote},,").words
    assert "has this ProviderOutletID" in only(f"Bella,New,R-9,{provider},").words
    assert "in use already, or was used before" in only(f"Bella,New,R-9,,{enabled.handover.auth_secret}").words
    assert f"with the ProviderOutletID {outlet.provider_outlet_id}" in only(f"{BELLA},Harbour,R-9,other,").words
    assert "change that on its page" in only(f"{BELLA},Station,R-9,,").words


def test_an_identical_existing_row_is_left_unchanged(enabled: Enabled) -> None:
    planned = only(f"{BELLA},Station,{enabled.handover.pos_remote_id},{enabled.handover.provider_outlet_id},")
    assert (planned.verdict, planned.words) == (
        Verdict.SKIP,
        "It is already enabled with this POSRemoteID: it will not change.",
    )


def test_the_dry_run_says_what_would_be_created(outlet: Outlet) -> None:
    rows = (f"{BELLA},Harbour,R-1,,", f"{BELLA},New,R-2,,", "Osteria,New,R-3,,a-long-secret")
    assert [row.words for row in plan(*rows)] == [
        "Enable it with a new secret.",
        "Create the outlet and enable it with a new secret.",
        "Create the organisation and the outlet, and enable it with the secret from the file.",
    ]


def test_a_limited_person_learns_nothing_of_other_organisations(outlet: Outlet) -> None:
    own = make_organisation("Own")
    may = Permissions(frozenset({own.pk}))
    assert only("Own,New,R-1,,", may=may).verdict is Verdict.ACT
    assert only(f"{BELLA},Harbour,R-2,,", may=may).words == only("Nowhere,Harbour,R-2,,", may=may).words


def test_the_outlet_that_has_the_pos_remote_id_is_named_to_people_who_may_see_it(outlet: Outlet) -> None:
    make_enabled_outlet("Station", pos_remote_id="R-1")
    own = make_organisation("Own")
    row = f"{BELLA},Harbour,R-1,,"
    assert only(row).words == f"{BELLA} – Station has this POSRemoteID. Check the value in PowerEPOS."
    unseen = "Another outlet's integration has this POSRemoteID. Check the value in PowerEPOS."
    assert only(row, may=Permissions(view_outlet=False)).words == unseen
    assert only("Own,New,R-1,,", may=Permissions(frozenset({own.pk}))).words == unseen


def test_a_person_without_the_add_permission_gets_an_error(outlet: Outlet) -> None:
    assert "may not add one" in only("Osteria,New,R-1,,", may=Permissions(add_organisation=False)).words
    assert "may not add one" in only(f"{BELLA},New,R-1,,", may=Permissions(add_outlet=False)).words
    assert (
        only(f"{BELLA},Harbour,R-1,,", may=Permissions(add_organisation=False, add_outlet=False)).verdict is Verdict.ACT
    )


def test_an_exported_cell_with_a_formula_guard_is_imported_unchanged() -> None:
    (row,) = bulk_file.read_rows(lines("'=Bella,O'Neill,'-R1,,"))
    assert (row.organisation, row.outlet, row.pos_remote_id) == ("=Bella", "O'Neill", "-R1")


# --- Names, numbers and secrets as spreadsheets and people write them


def test_a_number_stored_as_text_keeps_its_leading_zeros() -> None:
    (row,) = bulk_file.read_rows(lines('="007",="00123",="00456",="00789","=""0012345678"""'))
    assert (row.organisation, row.outlet, row.pos_remote_id) == ("007", "00123", "00456")
    assert (row.provider_outlet_id, row.adopted_secret) == ("00789", "0012345678")


def test_a_windows_file_is_read_with_a_warning_about_its_accents() -> None:
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
def test_a_name_that_differs_only_in_case_or_accents_gets_a_warning(name: str) -> None:
    make_organisation("Caf\u00e9 Bar")
    assert f"“{name}” differs from “Caf\u00e9 Bar”" in only(f"{name},A,R-1,,").warning
    assert only("Caf\u00e9 Baz,A,R-1,,").warning == ""


@pytest.mark.parametrize("name", ["O\u2019Hara\u2013Bar", "O\u02bcHara-Bar", "\uff2f'HARA\u2212BAR"])
def test_a_name_with_look_alike_characters_gets_a_warning_that_names_them(name: str) -> None:
    make_organisation("O'Hara-Bar")
    warning = only(f"{name},A,R-1,,").warning
    assert f"“{name}” differs from “O'Hara-Bar” only in characters that look alike (U+" in warning
    assert only("OHara-Bar,A,R-1,,").warning == ""


def test_names_within_a_file_are_compared_and_outlets_only_within_their_organisation() -> None:
    first, second, elsewhere = plan("Osteria,Harbour,R-1,,", "Osteria,H\u00e0rbour,R-2,,", "Bella,HARBOUR,R-3,,")
    assert [first.warning, elsewhere.warning] == ["", ""]
    assert "“H\u00e0rbour” differs from “Harbour”" in second.warning


def test_an_exactly_matching_name_gets_no_warning_despite_a_similar_one() -> None:
    for name in ("Cafe", "Caf\u00e9"):
        make_organisation(name)
    assert [only(f"{name},A,R-1,,").warning for name in ("Cafe", "Caf\u00e9")] == ["", ""]


def test_a_warning_reveals_no_other_organisation_to_a_limited_person(outlet: Outlet) -> None:
    make_organisation("Osteria")
    may = Permissions(organisations=frozenset([outlet.organisation_id]))
    assert only("OSTERIA,A,R-1,,", may=may).warning == ""


def test_an_id_in_another_spelling_of_its_uuid_is_the_same(enabled: Enabled) -> None:
    outlet = enabled.integration.outlet
    sent = outlet.provider_outlet_id.upper()
    same = only(f"{BELLA},{outlet.name},{enabled.integration.pos_remote_id},{{{sent}}},")
    assert same.verdict is Verdict.SKIP
    assert "Another outlet has this ProviderOutletID" in only(f"{BELLA},New,R-9,{sent},").words
