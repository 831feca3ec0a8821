"""Bulk actions on the staff pages, started from a file or a list, and the permissions that they need."""

import csv
import io
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from integrations.models import Credential, Integration, Outlet, StaffLimit
from integrations.services.audit import Actor
from integrations.services.integration import enabling
from tests.staff.bulk.limits import limited_to
from tests.support.factories import ADOPTED, Enabled, make_enabled_outlet, make_organisation, make_outlet
from tests.support.staff.pages import SECRET, act_url, client_of, list_url, text

pytestmark = pytest.mark.django_db
HEADER = "Organisation,Outlet,POSRemoteID,AdoptedSecret\n"
UPLOAD = "/admin/integrations/outlet/enable-file/"


def upload(client: Client, *rows: str, header: str = HEADER) -> Any:
    file = SimpleUploadedFile("chain.csv", (header + "\n".join(rows)).encode(), "text/csv")
    return client.post(UPLOAD, {"file": file}, follow=True)


def confirm(client: Client, page: Any, *, as_file: bool = False, **values: str) -> Any:
    """Confirm the bulk action that `page` shows as a dry run."""
    sealed = page.context["checked"].sealed
    extra = {"as_file": "yes"} if as_file else {}
    return client.post(page.context["confirm_url"], {"checked": sealed, **extra, **values})


def downloaded(response: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


def choose(client: Client, name: str, action: str, *rows: Any, all_of_them: bool = False, query: str = "") -> Any:
    values = {"action": action, "_selected_action": [row.pk for row in rows], "select_across": int(all_of_them)}
    return client.post(f"{list_url(name)}{query}", values, follow=True)


# --- A file


def test_a_file_is_checked_and_confirmed_and_the_response_is_a_file_with_the_secrets(staff: Client) -> None:
    page = upload(staff, "Osteria,Garden,R-1,", f"Osteria,Cellar,R-2,{ADOPTED}")
    assert "Nothing has been changed yet" in text(page)
    assert "Create the organisation and the outlet, and enable it with a new secret." in text(page)
    assert ADOPTED not in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert not Integration.objects.exists()
    answer = confirm(staff, page, as_file=True)
    assert "no-store" in answer["Cache-Control"]
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    new, adopted = downloaded(answer)
    assert SECRET.fullmatch(new["AuthSecret"])
    assert adopted["AuthSecret"] == ""


def test_the_response_is_a_page_with_the_secrets_if_that_button_was_pressed(staff: Client) -> None:
    answer = confirm(staff, upload(staff, "Osteria,Garden,R-1,", f"Osteria,Cellar,R-2,{ADOPTED}"))
    assert "Done: 2 outlets" in text(answer)
    assert "shown only once" in text(answer)
    assert len(SECRET.findall(answer.content.decode())) == 1
    assert ADOPTED not in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("as_file", [False, True])
def test_a_confirmation_sent_twice_enables_outlets_once_and_shows_secrets_once(staff: Client, *, as_file: bool) -> None:
    page = upload(staff, "Osteria,Garden,R-1,")
    confirm(staff, page, as_file=as_file)
    again = confirm(staff, page, as_file=as_file)
    assert again.status_code == 409
    assert "If you confirmed twice, the first confirmation was carried out" in text(again)
    assert "It is already enabled" in text(again)
    assert not SECRET.search(again.content.decode())
    assert Credential.objects.count() == 1


@pytest.mark.parametrize("overlap", ["0", "7d"])
def test_a_rotation_confirmed_twice_rotates_once(staff: Client, enabled: Enabled, overlap: str) -> None:
    page = choose(staff, "outlet", "rotate_many", enabled.integration.outlet)
    assert len(downloaded(confirm(staff, page, as_file=True, overlap=overlap))) == 1
    again = confirm(staff, page, as_file=True, overlap=overlap)
    assert again.status_code == 409
    assert not SECRET.search(again.content.decode())
    assert enabled.integration.credentials.count() == 2


def test_a_person_limited_after_the_check_gets_no_secret_of_another_organisation(enabled: Enabled) -> None:
    client = client_of("view_outlet", "view_integration", "change_integration")
    page = choose(client, "outlet", "rotate_many", enabled.integration.outlet)
    StaffLimit.objects.create(user=User.objects.latest("pk")).organisations.set([make_organisation("Own")])
    answer = confirm(client, page, overlap="7d")
    assert answer.status_code == 409
    assert enabled.integration.pos_remote_id not in text(answer)
    assert enabled.integration.credentials.count() == 1


def test_only_the_person_who_checked_a_file_can_confirm_it(staff: Client) -> None:
    page = upload(staff, "Osteria,Garden,R-1,")
    answer = confirm(client_of("add_integration", "add_organisation", "add_outlet"), page)
    assert answer.status_code == 409
    assert "This confirmation cannot be read" in text(answer)
    assert not Integration.objects.exists()


def test_a_passphrase_with_another_button_than_the_link_shows_and_rotates_nothing(
    staff: Client, enabled: Enabled
) -> None:
    before = enabled.integration.current_credential()
    values = {"overlap": "7d", "seen": before.pk, "passphrase": "correct horse"}
    page = staff.post(act_url(enabled.integration, "rotate"), values)
    assert "A passphrase is only for a one-time link" in text(page)
    assert not SECRET.search(page.content.decode())
    assert enabled.integration.current_credential() == before


def test_an_unreadable_file_is_a_form_error(staff: Client) -> None:
    page = upload(staff, "x,y", header="Organisation,Colour\n")
    assert "Colour" in text(page)
    assert "is unknown" in text(page)
    assert "The file is empty" in text(staff.post(UPLOAD, {"file": SimpleUploadedFile("empty.csv", b"")}))


def test_a_file_that_is_too_large_is_a_form_error_and_is_not_written_to_disk(staff: Client) -> None:
    page = staff.post(UPLOAD, {"file": SimpleUploadedFile("large.csv", b"x" * (3 * 1024 * 1024))})
    assert "Choose a CSV file of up to 524,288 bytes." in text(page)
    page = staff.post(UPLOAD, {"file": SimpleUploadedFile("large.csv", b"x" * 524_289)})
    assert "524,289 bytes; 524,288 are allowed" in text(page)
    assert "manage.py enable_outlets FILE" in text(page)


def test_a_file_with_too_many_rows_is_refused_and_the_error_names_the_command(staff: Client) -> None:
    page = upload(staff, *(f"Osteria,Outlet {number},R-{number}," for number in range(1001)))
    assert "more than 1,000 outlets" in text(page)
    assert "manage.py enable_outlets FILE" in text(page)


@pytest.mark.slow
def test_the_largest_accepted_file_can_be_confirmed(staff: Client) -> None:
    accents = "\u00e9" * 190
    rows = [f"Osteria,{accents} {number:04},{'R' * 60}{number:04}," for number in range(1000)]
    content = "\n".join([HEADER.strip(), *rows]).encode("cp1252")
    page = staff.post(UPLOAD, {"file": SimpleUploadedFile("chain.csv", content)})
    assert len(downloaded(confirm(staff, page, as_file=True))) == 1000


def test_wrong_rows_are_listed_first_and_cannot_be_confirmed(staff: Client) -> None:
    answer = upload(staff, "Osteria,Garden,R-1,", "Osteria,,R-2,")
    page = text(answer)
    assert "1 row is wrong" in page
    assert page.index("Wrong: Outlet is empty") < page.index("Create the organisation")
    assert "Enable these" not in page
    assert "Some rows are wrong" in str(confirm(staff, answer).context["form"].errors)
    assert not Integration.objects.exists()


def test_a_bulk_action_needs_its_permission(staff: Client, enabled: Enabled) -> None:
    file, rotate = (
        upload(staff, "Osteria,Garden,R-1,"),
        choose(staff, "outlet", "rotate_many", enabled.integration.outlet),
    )
    assert client_of("change_integration").get(UPLOAD).status_code == 403
    assert confirm(client_of("change_integration"), file).status_code == 403
    assert confirm(client_of("add_integration"), rotate, overlap="0").status_code == 403
    assert staff.post("/admin/integrations/integration/many/enable/", {"checked": "x"}).status_code == 404


# --- Lists


def test_the_lists_offer_actions_on_the_selected_rows(staff: Client) -> None:
    one, two = make_enabled_outlet("One"), make_enabled_outlet("Two")
    page = choose(staff, "outlet", "disable_many", one.integration.outlet)
    assert "1 outlet would be changed" in text(page)
    assert not two.integration.credentials.filter(is_current=False).exists()
    assert "Reason: Holidays" in text(confirm(staff, page, reason="Holidays"))
    assert (one.fresh().is_enabled, two.fresh().is_enabled) == (False, True)


def test_all_search_results_can_be_selected_across_pages(staff: Client) -> None:
    for number in range(60):
        make_enabled_outlet(f"Outlet {number}")
    make_enabled_outlet("Another")
    page = choose(staff, "outlet", "rotate_many", Outlet.objects.first(), all_of_them=True, query="?q=Outlet")
    assert len(page.context["checked"].plan) == 60


def test_outlets_that_are_not_enabled_are_skipped_and_counted(staff: Client, outlet: Outlet) -> None:
    one = make_enabled_outlet("One")
    page = choose(staff, "outlet", "disable_many", outlet, one.integration.outlet)
    assert "Skipped 1 of the selected outlets: Order N Pay is not enabled" in text(page)
    assert len(page.context["checked"].plan) == 1
    assert "None of the chosen outlets is enabled" in text(choose(staff, "outlet", "disable_many", outlet))


def test_a_person_with_view_rights_only_is_offered_no_actions(enabled: Enabled) -> None:
    viewer = client_of("view_integration", "view_outlet", "delete_outlet")
    page = viewer.get(list_url("outlet")).content.decode()
    assert "disable_many" not in page
    assert "delete_selected" not in page
    chosen = choose(viewer, "outlet", "disable_many", enabled.integration.outlet)
    assert "Nothing has been changed yet" not in text(chosen)


def test_no_list_offers_the_default_delete_action(staff: Client) -> None:
    make_outlet()
    assert "delete_selected" not in staff.get(list_url("outlet")).content.decode()
    assert not any(name for name, _ in site.actions)


def test_a_limited_person_can_only_change_their_own_outlets(boss: User) -> None:
    one = make_enabled_outlet("One")
    own = make_organisation("Own")
    outlet = make_outlet("Mine", organisation="Own")
    enabling.enable_outlet(outlet, pos_remote_id="Mine", actor=Actor("boss", boss))
    limited = limited_to(own, "view_outlet", "view_integration", "change_integration")
    page = choose(limited, "outlet", "disable_many", outlet, one.integration.outlet, all_of_them=True)
    assert [row.outlet for row in page.context["checked"].plan] == ["Mine"]


# --- Names that are nearly the same as existing ones


def test_the_dry_run_warns_of_names_that_differ_only_in_case_or_accents(staff: Client) -> None:
    make_outlet("Harbour", organisation="Caf\u00e9")
    page = text(upload(staff, "Cafe,Harbour,R-1,", "Caf\u00e9,HARBOUR,R-2,", "Caf\u00e9,Garden,R-3,"))
    assert "“Cafe” differs from “Caf\u00e9” only in letter case or accents." in page
    assert "“HARBOUR” differs from “Harbour” only in letter case or accents." in page
    assert "2 rows need checking before you confirm" in page
