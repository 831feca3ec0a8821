"""enable_outlet enables an outlet once, with a generated or an adopted secret."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management.base import CommandError

from integrations.models import AuditEvent, Credential, Integration, Organisation, Outlet
from integrations.security.secret_digests import SecretKind, generate, recognise
from tests.management.shell import KEYS, NEW, NOT_UTF_8, refusal, run, run_json
from tests.support.factories import ADOPTED, BELLA, Enabled, make_outlet

pytestmark = pytest.mark.django_db


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts text on standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_enabling_warns_of_names_that_resemble_others(enabled: Enabled) -> None:
    name = enabled.integration.outlet.organisation.name
    _, errors = run("enable_outlet", "--organisation", name.upper(), "--outlet", "Garden", "--pos-remote-id", "r-1")
    assert f"WARNING: “{name.upper()}” differs from “{name}” only in letter case or accents." in errors
    run("enable_outlet", "--organisation", name, "--outlet", "O'Hara", "--pos-remote-id", "r-2")
    _, errors = run("enable_outlet", "--organisation", name, "--outlet", "O\u2019Hara", "--pos-remote-id", "r-3")
    assert errors.count("WARNING") == 1
    assert "“O\u2019Hara” differs from “O'Hara” only in characters that look alike (U+2019 RIGHT" in errors


def test_enabling_creates_missing_rows_and_prints_one_object_with_five_keys() -> None:
    printed = run_json("enable_outlet", *NEW)
    assert list(printed) == KEYS
    integration = Integration.objects.select_related("outlet__organisation").get()
    assert (integration.outlet.organisation.name, integration.outlet.name) == ("Osteria", "Garden")
    assert printed["ProviderOutletID"] == integration.outlet.provider_outlet_id
    assert printed["POSRemoteID"] == integration.pos_remote_id == "TestOrg-1"
    assert recognise(SecretKind.POS_SECRET, printed["AuthSecret"])
    assert printed["AuthURL"] == "http://127.0.0.1:8000/api/powerepos/v1/auth"
    assert printed["WebsocketURL"] == "ws://127.0.0.1:8000"


def test_enabling_uses_an_existing_organisation_and_outlet() -> None:
    outlet = make_outlet("Garden")
    printed = run_json("enable_outlet", "--organisation", BELLA, "--outlet", "Garden", "--pos-remote-id", "r")
    assert printed["ProviderOutletID"] == outlet.provider_outlet_id
    assert (Organisation.objects.count(), Outlet.objects.count()) == (1, 1)


def test_the_provider_may_choose_the_provider_outlet_id() -> None:
    assert run_json("enable_outlet", *NEW, "--provider-outlet-id", "GARDEN-1")["ProviderOutletID"] == "GARDEN-1"


def test_names_that_are_not_ascii_are_printed_unchanged() -> None:
    output, _ = run("enable_outlet", *NEW, "--provider-outlet-id", "Gärten 世界", "--format", "json")
    assert "Gärten 世界" in output


def test_as_text_each_value_has_its_line_and_the_warning_goes_to_standard_error() -> None:
    output, errors = run("enable_outlet", *NEW)
    assert [line.split()[0] for line in output.splitlines()] == KEYS
    assert "once" in errors
    assert "ONPS-" not in errors


@pytest.mark.parametrize(("is_https", "is_noted"), [(False, True), (True, False)])
def test_without_an_https_address_the_server_that_the_urls_lead_to_is_named(
    settings: Any, is_https: bool, is_noted: bool
) -> None:
    settings.IS_PUBLIC_HTTPS = is_https
    _, errors = run("enable_outlet", *NEW)
    assert (f"a server at {settings.PUBLIC_URL}" in errors) is is_noted


def test_enabling_twice_is_refused_and_changes_nothing() -> None:
    run("enable_outlet", *NEW)
    before = AuditEvent.objects.count()
    assert "already enabled" in refusal("enable_outlet", *NEW)
    assert "already enabled" in refusal("enable_outlet", *NEW, "--provider-outlet-id", "another")
    assert (Integration.objects.count(), Credential.objects.count()) == (1, 1)
    assert AuditEvent.objects.count() == before


def test_a_taken_pos_remote_id_is_refused_and_leaves_no_new_organisation(enabled: Enabled) -> None:
    taken = enabled.handover.pos_remote_id
    message = refusal("enable_outlet", "--organisation", "Osteria", "--outlet", "Garden", "--pos-remote-id", taken)
    assert "POSRemoteID" in message
    assert not Organisation.objects.filter(name="Osteria").exists()


def test_a_taken_provider_outlet_id_is_refused(enabled: Enabled) -> None:
    taken = enabled.handover.provider_outlet_id
    assert "ProviderOutletID" in refusal("enable_outlet", *NEW, "--provider-outlet-id", taken)
    assert not Organisation.objects.filter(name="Osteria").exists()


def test_another_id_for_an_existing_outlet_is_refused_and_the_current_one_named() -> None:
    outlet = make_outlet("Garden")
    message = refusal(
        "enable_outlet", "--organisation", BELLA, "--outlet", "Garden", "--pos-remote-id", "r",
        "--provider-outlet-id", "another",
    )  # fmt: skip
    assert outlet.provider_outlet_id in message


@pytest.mark.parametrize("name", ["--organisation", "--outlet", "--pos-remote-id", "--provider-outlet-id"])
@pytest.mark.parametrize("value", ["zero\u200bwidth", "line\nend", "x" * 300, NOT_UTF_8])
def test_an_invalid_value_is_refused_in_one_line(name: str, value: str) -> None:
    assert refusal("enable_outlet", *NEW, name, value)  # if an option is given twice, the last value counts
    assert not Integration.objects.exists()


def test_a_missing_argument_is_refused() -> None:
    with pytest.raises(CommandError, match="--pos-remote-id"):
        run("enable_outlet", "--organisation", "Osteria", "--outlet", "Garden")


def test_a_secret_is_adopted_from_standard_input(typed: Callable[[str], None]) -> None:
    typed(f"{ADOPTED}\r\nsecond line\n")
    assert run_json("enable_outlet", *NEW, "--adopt-secret-stdin")["AuthSecret"] == ADOPTED
    assert Credential.objects.get().is_weak


def test_hidden_characters_at_the_ends_of_values_are_removed(typed: Callable[[str], None]) -> None:
    typed(f"\ufeff {ADOPTED}\u200b\r\n")
    values = ["Osteria", "Garden", "TestOrg-7ab4", "garden"]
    names = ["--organisation", "--outlet", "--pos-remote-id", "--provider-outlet-id"]
    given = [each for name, value in zip(names, values, strict=True) for each in (name, f"\u00a0{value}\u200b ")]
    made = run_json("enable_outlet", *given, "--adopt-secret-stdin")
    assert (made["ProviderOutletID"], made["POSRemoteID"], made["AuthSecret"]) == ("garden", "TestOrg-7ab4", ADOPTED)
    assert str(Outlet.objects.get()) == "Osteria – Garden"


def test_a_command_finds_an_outlet_in_another_spelling_of_its_uuid() -> None:
    made = run_json("enable_outlet", *NEW)
    assert run_json("rotate_secret", f"{{{made['ProviderOutletID'].upper()}}} ")["POSRemoteID"] == made["POSRemoteID"]


def test_a_secret_without_a_line_end_is_adopted_too(typed: Callable[[str], None]) -> None:
    typed(ADOPTED)
    assert run_json("enable_outlet", *NEW, "--adopt-secret-stdin")["AuthSecret"] == ADOPTED


@pytest.mark.parametrize("secret", ["", "\n", "short\n", "shared\u200bS3cr3t!\n", "shared\x00S3cr3t!\n"])
def test_a_secret_that_cannot_be_adopted_is_refused_and_nothing_is_created(
    typed: Callable[[str], None], secret: str
) -> None:
    typed(secret)
    assert refusal("enable_outlet", *NEW, "--adopt-secret-stdin")
    assert not Organisation.objects.exists()


def test_a_mistyped_generated_secret_is_reported_as_mistyped(typed: Callable[[str], None]) -> None:
    typed(generate(SecretKind.POS_SECRET)[:-1] + "\n")
    assert "mistyped" in refusal("enable_outlet", *NEW, "--adopt-secret-stdin")


def test_the_secret_of_another_outlet_is_not_adopted(enabled: Enabled, typed: Callable[[str], None]) -> None:
    typed(enabled.handover.auth_secret + "\n")
    message = refusal("enable_outlet", *NEW, "--adopt-secret-stdin")
    assert enabled.handover.auth_secret not in message
