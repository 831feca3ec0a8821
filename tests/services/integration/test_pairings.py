"""A POSRemoteID belongs to one outlet; UUIDs are compared by value, in any spelling."""

import pytest
from django.contrib.auth.models import User
from django.db.models import Subquery
from django.test import Client

from integrations.models import Integration
from integrations.services.bulk import file as bulk_file
from integrations.services.bulk.enabling import Permissions, check
from integrations.services.bulk.plan import PlannedRow, Verdict
from integrations.services.integration.enabling import change_pos_remote_id, enable_outlet
from integrations.services.integration.errors import PosRemoteIdTaken
from integrations.services.integration.pairings import find_owners, twin_columns, twin_words
from integrations.services.outlets.outlets import fill_match_ids
from tests.support.factories import ANNA, BELLA, HARBOUR, make_outlet

pytestmark = pytest.mark.django_db

ID = "b90066de-1a2b-4c3d-8e9f-0123456789ab"
SPELLINGS = [ID, ID.upper(), ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}", f" {ID}\u200b"]


@pytest.fixture
def first() -> Integration:
    outlet = make_outlet(HARBOUR)
    enable_outlet(outlet, pos_remote_id=ID.upper(), actor=ANNA)
    return Integration.objects.get(outlet=outlet)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_taken_uuid_is_refused_in_any_spelling(first: Integration, spelling: str) -> None:
    with pytest.raises(PosRemoteIdTaken):
        enable_outlet(make_outlet("Station"), pos_remote_id=spelling, actor=ANNA)
    other = make_outlet("Garden")
    enable_outlet(other, pos_remote_id="R-1", actor=ANNA)
    with pytest.raises(PosRemoteIdTaken):
        change_pos_remote_id(Integration.objects.get(outlet=other), pos_remote_id=spelling, actor=ANNA)


def test_the_spelling_of_a_uuid_may_be_corrected(first: Integration) -> None:
    change_pos_remote_id(first, pos_remote_id=ID, actor=ANNA)
    row = Integration.objects.get()
    assert (row.pos_remote_id, row.match_id) == (ID, ID)


def test_an_id_that_is_not_a_uuid_is_compared_exactly(first: Integration) -> None:
    for number, text in enumerate(("R-1", "r-1", ID[:-1])):
        enable_outlet(make_outlet(f"Other {number}"), pos_remote_id=text, actor=ANNA)
    assert Integration.objects.count() == 4


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_file_row_with_the_id_of_another_outlet_is_refused(first: Integration, spelling: str) -> None:
    (planned,) = plan(f"{BELLA},Station,{spelling}")
    assert (planned.verdict, "has this POSRemoteID" in planned.words) == (Verdict.WRONG, True)
    (planned,) = plan(f"{BELLA},{HARBOUR},{spelling}")
    assert planned.verdict == Verdict.SKIP


def test_a_file_may_contain_each_id_only_once() -> None:
    planned = plan(f"{BELLA},Station,{ID}", f"{BELLA},Garden,{ID.upper()}")
    assert "This POSRemoteID is already used in row" in planned[-1].words


def test_the_check_reports_duplicates_from_an_older_version(first: Integration, client: Client) -> None:
    second = twin_of(first)
    assert words_about_twin(first, None) == f"Outlet {second.outlet} has the same POSRemoteID."
    assert words_about_twin(first, frozenset()) == "An outlet that you may not see has the same POSRemoteID."
    assert words_about_twin(twin_of(first, "R-1"), None) == ""
    client.force_login(User.objects.create_superuser("anna"))
    page = client.get(f"/admin/integrations/integration/{first.pk}/check/").content.decode()
    assert f"Outlet {second.outlet} has the same POSRemoteID." in page


def test_the_owners_of_a_sent_id_are_found_in_any_spelling(first: Integration) -> None:
    assert find_owners([ID, f"{{{ID}}}", "R-1"]) == {ID: [first.pk], f"{{{ID}}}": [first.pk]}
    second = twin_of(first)
    assert find_owners([ID, ID.upper()]) == {ID: [second.pk, first.pk], ID.upper(): [first.pk, second.pk]}


def test_rows_enabled_by_an_older_server_version_are_completed(first: Integration) -> None:
    Integration.objects.update(match_id="")
    assert fill_match_ids()
    assert Integration.objects.get().match_id == ID
    Integration.objects.update(match_id="", pos_remote_id="\u200b")
    assert not fill_match_ids()


def words_about_twin(integration: Integration, organisations: frozenset[int] | None) -> str:
    rows = Integration.objects.filter(pk=integration.pk)
    columns = {name: Subquery(rows[:1]) for name, rows in twin_columns().items()}
    return twin_words(rows.values(**columns).get(), organisations)


def twin_of(first: Integration, pos_remote_id: str = ID) -> Integration:
    """Create an integration as older versions did: they refused a POSRemoteID only if its spelling was taken."""
    outlet = make_outlet(f"Twin {pos_remote_id}")
    enable_outlet(outlet, pos_remote_id=f"T-{outlet.pk}", actor=ANNA)
    row = Integration.objects.get(outlet=outlet)
    row.pos_remote_id = pos_remote_id
    row.save()
    return row


def plan(*lines: str) -> list[PlannedRow]:
    rows = bulk_file.read_rows("\n".join(["Organisation,Outlet,POSRemoteID", *lines]).encode())
    return check(rows, Permissions())
