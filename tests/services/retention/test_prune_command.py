"""The command prunes until no row is due, prints the counts, and may be stopped at any time."""

import io
import json
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command, execute_from_command_line
from django.db import DatabaseError

from integrations.models import AuditEvent, Request
from integrations.models.audit import Verb
from integrations.models.retention import RecordKind
from integrations.services.audit import Actor
from integrations.services.retention import retention
from tests.services.retention.aged_rows import MOMENT, PAYLOAD, ROW, VISIT, ask, attempt
from tests.support.factories import ANNA, NOON, Enabled

pytestmark = pytest.mark.django_db


def command(*arguments: str) -> tuple[str, str]:
    """Return the standard output and standard error of `prune`."""
    output, errors = io.StringIO(), io.StringIO()
    call_command("prune", *arguments, stdout=output, stderr=errors)
    return output.getvalue(), errors.getvalue()


@pytest.mark.usefixtures("_at_noon")
def test_the_command_prunes_until_nothing_is_left_and_prints_the_counts(enabled: Enabled) -> None:
    for day in range(7):
        ask(enabled, NOON - ROW - timedelta(days=day + 1))
        ask(enabled, NOON - PAYLOAD - timedelta(days=day + 1))
    attempt(NOON - VISIT - MOMENT)
    printed = json.loads(command("--format", "json")[0])
    assert printed["dry_run"] is False
    assert {kind: count for kind, count in printed["pruned"].items() if count} == {
        "requests": 7, "payloads": 7, "attempts": 1,
    }  # fmt: skip
    assert Request.objects.filter(payload="").count() == Request.objects.count() == 7


@pytest.mark.usefixtures("_at_noon")
def test_a_dry_run_counts_what_the_command_would_prune_and_changes_nothing(enabled: Enabled) -> None:
    for age in (ROW, ROW, PAYLOAD, MOMENT):
        ask(enabled, NOON - age - MOMENT)
    events = AuditEvent.objects.count()
    said, warned = command("--dry-run")
    counted = json.loads(command("--dry-run", "--format", "json")[0])
    assert Request.objects.exclude(payload="").count() == 4
    assert AuditEvent.objects.count() == events
    assert "Nothing was deleted" in warned
    assert [line.split() for line in said.splitlines()][:2] == [
        ["requests", "2"],
        ["payloads", "and", "answers", "of", "requests", "1"],
    ]
    assert said.splitlines()[-1].split() == ["audit", "events", "0", "kept", "for", "ever"]
    assert json.loads(command("--format", "json")[0])["pruned"] == counted["pruned"]


@pytest.mark.usefixtures("_at_noon")
def test_the_command_shows_its_progress_on_a_terminal(enabled: Enabled, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        ask(enabled, NOON - ROW - MOMENT)
    assert command()[1] == ""
    for _ in range(4):
        ask(enabled, NOON - ROW - MOMENT)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert command()[1] == "\rrequests: 3 of 4\rrequests: 4 of 4\n"


@pytest.mark.usefixtures("_at_noon")
def test_the_command_records_one_audit_event_or_none_if_nothing_was_due(
    enabled: Enabled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "olga")
    command()
    assert not AuditEvent.objects.filter(verb=Verb.PRUNED).exists()
    for _ in range(7):
        ask(enabled, NOON - ROW - MOMENT)
    attempt(NOON - VISIT - MOMENT)
    command()
    (event,) = AuditEvent.objects.filter(verb=Verb.PRUNED)
    assert (event.actor_name, event.subject) == ("shell: olga", "old records")
    assert event.detail == {"requests": 7, "attempts": 1}


def test_a_command_stopped_after_its_first_batch_has_recorded_its_event(
    enabled: Enabled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "shared_now", lambda: NOON)
    for _ in range(7):
        ask(enabled, NOON - ROW - MOMENT)

    def stop(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        retention.prune_all(actor=Actor("shell: olga"), report=lambda *_: None, rest=stop)
    assert Request.objects.count() == 4
    assert AuditEvent.objects.filter(verb=Verb.PRUNED).count() == 1


def test_the_command_pauses_after_each_batch_for_as_long_as_the_batch_took(
    enabled: Enabled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "shared_now", lambda: NOON)
    for _ in range(4):
        ask(enabled, NOON - ROW - MOMENT)
    pauses: list[float] = []
    reported: list[tuple[RecordKind, int, int]] = []
    retention.prune_all(actor=ANNA, report=lambda *progress: reported.append(progress), rest=pauses.append)
    assert [seconds > 0 for seconds in pauses] == [True, True]
    assert reported == [(RecordKind.REQUESTS, 3, 4), (RecordKind.REQUESTS, 4, 4)]


def test_an_unavailable_database_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_now: datetime) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(retention, "due", fail)
    for arguments in ((), ("--dry-run",)):
        with pytest.raises(SystemExit) as ended:
            execute_from_command_line(["manage.py", "prune", *arguments])
        assert ended.value.code == 1
