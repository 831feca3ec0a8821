"""Bulk actions: the checked plan runs in steps, only once, and only for a person with permission."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import AuditEvent, Credential, Integration, Organisation, Outlet, Presence, StaffLimit
from integrations.models.audit import Verb
from integrations.services.audit import Actor
from integrations.services.bulk import confirming, selection
from integrations.services.bulk.confirming import CheckUnreadable, NothingToDo, RowsWrong
from integrations.services.bulk.plan import BulkAction, RowRefused, RowsChanged, Verdict
from integrations.services.errors import InvalidValue
from integrations.services.integration import enabling, pos_secrets
from integrations.services.outlets import outlets
from integrations.services.rows import remembered
from tests.services.bulk.sheets import checked_file, done, selected
from tests.support.factories import ADOPTED, ANNA, BELLA, make_enabled_outlet, make_organisation, make_outlet

pytestmark = pytest.mark.django_db


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
    assert (third["AuthSecret"], third["Note"]) == ("", "the secret from the file")
    event = AuditEvent.objects.get(verb=Verb.BULK_CONFIRMED)
    assert (event.subject, event.detail) == ("Enable from a file: chain.csv", {"outlets": 3})


def test_the_audit_events_equal_those_of_single_actions(boss: Actor) -> None:
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


def test_a_file_with_one_wrong_row_cannot_be_confirmed(boss: Actor) -> None:
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


def test_an_altered_confirmation_or_one_of_another_person_is_refused(boss: Actor, settings: Any) -> None:
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


def test_a_change_after_the_check_refuses_the_whole_file(boss: Actor) -> None:
    checked = checked_file(boss, "Osteria,Garden,R-2,,", f"{BELLA},New,R-3,,")
    make_enabled_outlet("Station", pos_remote_id="R-3")
    with pytest.raises(RowsChanged):
        done(checked, boss)
    assert not Organisation.objects.filter(name="Osteria").exists()


def test_a_secret_of_another_outlet_stops_the_whole_file_and_names_the_row(boss: Actor) -> None:
    make_enabled_outlet("Station", adopted_secret=ADOPTED)
    with pytest.raises(RowRefused, match=r"^Row 3 \(Cellar\): This secret is in use already") as refused:
        done(checked_file(boss, "Osteria,Garden,R-2,,", f"Osteria,Cellar,R-3,,{ADOPTED}"), boss)
    assert ADOPTED not in str(refused.value)
    assert Integration.objects.count() == 1


# --- Actions on selected outlets


def test_disabling_many_skips_disabled_ones_and_disables_the_rest(boss: Actor) -> None:
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


def test_many_disabled_outlets_are_enabled_again(boss: Actor) -> None:
    one = make_enabled_outlet("One")
    enabling.disable(one.integration, reason="Closed", actor=ANNA)
    done(selected(BulkAction.REENABLE, one.integration.pk, actor=boss), boss)
    assert (one.fresh().is_enabled, one.fresh().disabled_reason) == (True, "")


@pytest.mark.parametrize(("overlap", "generation"), [("0", 2), ("24h", 1), ("10 years", 2)])
def test_rotating_many_returns_each_new_secret_once(boss: Actor, overlap: str, generation: int) -> None:
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


def test_a_disable_form_sent_twice_does_not_disable_a_re_enabled_outlet(boss: Actor) -> None:
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


def test_a_rotation_after_the_check_refuses_the_whole_action(boss: Actor) -> None:
    one, two = make_enabled_outlet("One"), make_enabled_outlet("Two")
    ids = (one.integration.pk, two.integration.pk)
    checked = selected(BulkAction.ROTATE, *ids, actor=boss)
    pos_secrets.rotate_secret(two.integration, actor=ANNA)
    with pytest.raises(RowsChanged):
        done(checked, boss)
    assert one.integration.credentials.count() == 1
    assert len(done(selected(BulkAction.ROTATE, *ids, actor=boss), boss)) == 2


def test_an_action_reaches_only_outlets_that_the_person_may_see() -> None:
    one = make_enabled_outlet("One")
    user = User.objects.create_user("limited", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="change_integration"))
    StaffLimit.objects.create(user=user).organisations.set([make_organisation("Own")])
    with pytest.raises(NothingToDo):
        selected(BulkAction.DISABLE, one.integration.pk, actor=Actor("limited", user))


def test_many_outlets_cause_one_wake_up(boss: Actor, django_capture_on_commit_callbacks: Callable[..., Any]) -> None:
    ids = [make_enabled_outlet(f"Outlet {number}").integration.pk for number in range(5)]
    checked = selected(BulkAction.DISABLE, *ids, actor=boss)
    with django_capture_on_commit_callbacks() as callbacks:
        done(checked, boss, reason="Holidays")
    assert len([each for each in callbacks if each is not remembered.forget]) == 1
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
