"""Exports of lists as CSV files, and the staff pages of hand-over links."""

import contextlib
import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from integrations.models import AuditEvent, HandoverLink, Integration, Outlet
from integrations.models.audit import Verb
from integrations.models.handover_link import LinkState
from integrations.services.bulk import spreadsheet
from integrations.services.handover import links as handover_links
from integrations.text.moments import exactly
from tests.staff.bulk.limits import limited_to
from tests.support.factories import ANNA, BELLA, Enabled, make_enabled_outlet, make_organisation, make_outlet
from tests.support.staff.pages import SECRET, act_url, client_of, enable_url, list_url, page_url, text

pytestmark = pytest.mark.django_db
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def streamed(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


# --- The export


def test_the_export_applies_the_search_of_the_list_and_contains_no_formulas(staff: Client, enabled: Enabled) -> None:
    make_outlet("=1+1")
    rows = list(csv.DictReader(io.StringIO(streamed(staff.get("/admin/integrations/outlet/export/"))[1:])))
    assert [row["Outlet"] for row in rows] == ["Station", "'=1+1"]
    assert rows[0]["Secret begins"] == enabled.integration.current_credential().shown
    assert [row["State"] for row in rows] == ["Enabled, never connected", "Not enabled"]
    found = streamed(staff.get("/admin/integrations/outlet/export/?state=not-enabled&q=Bella"))
    assert "Station" not in found
    assert "'=1+1" in found


def test_the_export_takes_few_queries(staff: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        make_enabled_outlet(f"Outlet {number}")
    with django_assert_max_num_queries(16):  # the person's rights are read again for each part of the file
        assert streamed(staff.get("/admin/integrations/outlet/export/")).count(f"{BELLA},Outlet ") == 30


def test_the_export_leaves_out_other_organisations_for_a_limited_person(enabled: Enabled) -> None:
    limited = limited_to(make_organisation("Own"), "view_outlet")
    assert "Station" not in streamed(limited.get("/admin/integrations/outlet/export/"))
    shown = enabled.integration.current_credential().shown
    assert shown not in streamed(client_of("view_outlet").get("/admin/integrations/outlet/export/"))
    assert client_of("view_request").get("/admin/integrations/outlet/export/").status_code == 403


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=1", "''=1", "x", "'x", "O'Neill", ""])
def test_a_cell_is_never_a_formula_and_is_read_back_unchanged(cell: str) -> None:
    assert not spreadsheet.guarded(cell).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert spreadsheet.unguarded(spreadsheet.guarded(cell)) == cell


@given(st.text(alphabet="=+-@;,|\t\r\n'\" \u00a0ab\uff1d\uff20"))
def test_no_separator_or_quoting_turns_a_cell_into_a_formula(cell: str) -> None:
    assert spreadsheet.unguarded(spreadsheet.guarded(cell)) == cell
    written = spreadsheet.lines([["Bella", cell, cell]])
    for separator in (",", ";", "|", "\t"):
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            reader = csv.reader(io.StringIO(written, newline=""), delimiter=separator, quoting=quoting)
            with contextlib.suppress(csv.Error):  # csv rejects a line break in an unquoted cell
                for row in reader:
                    assert not any(read.lstrip(' "\u00a0').startswith(FORMULA) for read in row), (separator, row)


@pytest.mark.parametrize(
    "cell", ["Bar;=cmd|' /C calc'!A0;x", "a,+1", "a;\t-1", 'a;"=1+1"', "a| @x", "a\n=1", "\uff1d1+1"]
)
def test_a_formula_after_another_separator_is_guarded(cell: str) -> None:
    assert "'" in spreadsheet.guarded(cell).replace("' /C calc'", "")


# --- Hand-over links


def test_enabling_by_link_never_shows_the_secret(staff: Client, outlet: Outlet) -> None:
    values = {"pos_remote_id": "R-1", "hand_over": "link", "link_hours": "24"}
    page = staff.post(enable_url(outlet), values)
    assert not SECRET.search(page.content.decode())
    assert "no-store" in page["Cache-Control"]
    created = page.context["new_link"]
    assert created.url in page.content.decode()
    assert created.passphrase in page.content.decode()
    opened = Client().post("/handover/", {"code": created.token, "passphrase": created.passphrase})
    assert SECRET.search(opened.content.decode())
    assert "opened" in text(staff.get(page_url(Integration.objects.get())))


def test_a_secret_is_rotated_by_link_with_a_chosen_passphrase(staff: Client, enabled: Enabled) -> None:
    values = {
        "overlap": "24h",
        "seen": enabled.integration.current_credential().pk,
        "hand_over": "link",
        "link_hours": "",
        "passphrase": "correct horse battery",
    }
    page = staff.post(act_url(enabled.integration, "rotate"), values)
    assert "correct horse" not in page.content.decode()
    assert "The passphrase is the one that you chose" in text(page)
    assert HandoverLink.objects.get().credential == enabled.integration.current_credential()


@pytest.mark.parametrize(("field", "value"), [("passphrase", "short"), ("link_hours", "9999"), ("link_hours", "0")])
def test_a_refused_link_enables_nothing(staff: Client, outlet: Outlet, field: str, value: str) -> None:
    page = staff.post(enable_url(outlet), {"pos_remote_id": "R-1", "hand_over": "link", field: value})
    assert "Nothing was changed" in text(page)
    assert page.context["form"].errors[field]
    assert not Integration.objects.exists()


def test_a_passphrase_without_the_choice_of_a_link_enables_nothing(staff: Client, outlet: Outlet) -> None:
    values = {"pos_remote_id": "R-1", "hand_over": "show", "passphrase": "correct horse battery"}
    page = staff.post(enable_url(outlet), values)
    assert "Choose the link above, or leave this empty" in text(page)
    assert not SECRET.search(page.content.decode())
    assert not Integration.objects.exists()


def test_a_link_is_revoked_from_the_page(staff: Client, enabled: Enabled) -> None:
    link = handover_links.create_link(
        enabled.integration.current_credential(), enabled.handover, hours=1, actor=ANNA
    ).link
    url = reverse("admin:integrations_handoverlink_revoke", args=(link.pk,))
    assert url in staff.get(page_url(enabled.integration)).content.decode()
    assert "stops working" in text(staff.get(url))
    assert "Link revoked" in text(staff.post(url, follow=True))
    assert HandoverLink.objects.get().state == LinkState.REVOKED
    assert staff.post(url).status_code == 409
    assert AuditEvent.objects.filter(verb=Verb.LINK_REVOKED).count() == 1
    assert client_of("view_integration").post(url).status_code == 403


def test_a_link_that_expired_is_no_longer_offered_for_revoking(staff: Client, enabled: Enabled) -> None:
    """The pages treat the link as expired even before the background job has ended it."""
    link = handover_links.create_link(
        enabled.integration.current_credential(), enabled.handover, hours=1, actor=ANNA
    ).link
    revoke = reverse("admin:integrations_handoverlink_revoke", args=(link.pk,))
    start, links = reverse("admin:index"), list_url("handoverlink")
    pages = (page_url(enabled.integration), start, links, f"{links}?state=live")
    assert revoke in staff.get(pages[0]).content.decode()
    assert all("not opened yet" in text(staff.get(url)).lower() for url in pages)
    HandoverLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    outlet_page = staff.get(pages[0])
    assert revoke not in outlet_page.content.decode()
    assert "expired unopened" in text(outlet_page)
    assert "Links not opened yet" not in text(staff.get(start))
    assert [len(staff.get(links, {"state": state}).context["cl"].result_list) for state in ("live", "expired")] == [
        0,
        1,
    ]
    change = reverse("admin:integrations_handoverlink_change", args=(link.pk,))
    assert "expired unopened" in text(staff.get(change))
    assert "The link has already ended" in text(staff.get(revoke))
    assert staff.post(revoke).status_code == 409
    assert not AuditEvent.objects.filter(verb=Verb.LINK_REVOKED).exists()


def test_the_page_of_a_link_gives_its_times_with_their_time_zone(staff: Client, enabled: Enabled) -> None:
    link = handover_links.create_link(
        enabled.integration.current_credential(), enabled.handover, hours=1, actor=ANNA
    ).link
    handover_links.revoke_link(link, actor=ANNA)
    link.refresh_from_db()
    page = text(staff.get(reverse("admin:integrations_handoverlink_change", args=(link.pk,))))
    assert link.ended_at
    for label, moment in (("Created", link.created_at), ("Expires", link.expires_at), ("Ended", link.ended_at)):
        assert f"{label}: {exactly(moment)}" in page


def test_the_list_of_links_leaves_out_other_organisations_for_a_limited_person(staff: Client, enabled: Enabled) -> None:
    result = handover_links.create_link(enabled.integration.current_credential(), enabled.handover, hours=1, actor=ANNA)
    assert BELLA in text(staff.get(list_url("handoverlink")))
    limited = limited_to(make_organisation("Own"), "view_integration", "change_integration")
    assert BELLA not in text(limited.get(list_url("handoverlink")))
    assert limited.post(reverse("admin:integrations_handoverlink_revoke", args=(result.link.pk,))).status_code == 404
    page = staff.get(reverse("admin:integrations_handoverlink_change", args=(result.link.pk,))).content.decode()
    for hidden in (result.link.sealed, result.link.token_digest, result.link.salt):
        assert hidden not in page
    assert client_of("view_outlet").get(list_url("handoverlink")).status_code == 403
