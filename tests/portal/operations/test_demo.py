"""manage.py demo creates all its data or none, and only once; only the owner can read the files with its secrets."""

import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings

from integrations.models import ApiKey, Integration, MessageType, Organisation
from integrations.services.integration.enabling import change_pos_remote_id
from integrations.services.integration.pos_secrets import rotate_secret
from integrations.simulator import DEFAULT_NUMBERS, Credentials
from portal.serving.start_banner import banner
from tests.support.backend_client import know
from tests.support.factories import ANNA, make_enabled_outlet, make_outlet

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    with override_settings(DATA_DIR=tmp_path):
        yield tmp_path / "demo"


def demo() -> str:
    output = io.StringIO()
    call_command("demo", stdout=output)
    return output.getvalue()


def numbers() -> dict[str, int | None]:
    return dict(MessageType.objects.values_list("name", "number"))


def test_the_demo_has_three_enabled_outlets_for_the_simulated_poses(folder: Path) -> None:
    demo()
    lines = [Credentials.from_json(line) for line in (folder / "outlets.jsonl").read_text().splitlines()]
    assert [each.provider_outlet_id for each in lines] == ["demo-harbour", "demo-airport", "demo-station"]
    assert Integration.objects.filter(outlet__organisation__name="Demo", is_enabled=True).count() == 3


def test_only_the_owner_can_read_the_demos_secrets(folder: Path) -> None:
    printed = demo()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (folder / "api-key").read_text().strip() not in printed
    assert json.loads((folder / "outlets.jsonl").read_text().splitlines()[0])["AuthSecret"] not in printed


def test_the_demos_key_sees_only_the_demo(folder: Path) -> None:
    demo()
    assert ApiKey.objects.get(name="Demo").organisation == Organisation.objects.get(name="Demo")


def test_the_demo_assigns_numbers_to_message_types_without_one(folder: Path) -> None:
    know("CreateOrder", None)
    know("CreatePayment", 99)
    demo()
    assert numbers()["CreateOrder"] == DEFAULT_NUMBERS["CreateOrder"]
    assert numbers()["CreatePayment"] == 99


def test_a_number_that_staff_assigned_to_another_message_type_is_kept(folder: Path) -> None:
    know("Ours", DEFAULT_NUMBERS["CreateOrder"])
    know("CreateOrder", None)
    demo()
    assert numbers()["Ours"] == DEFAULT_NUMBERS["CreateOrder"]
    assert numbers()["CreateOrder"] is None


def test_a_second_run_names_the_existing_demo_and_creates_nothing(folder: Path) -> None:
    first = demo()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    second = demo()
    assert "The demo already exists" in second
    assert second.partition("Bring its")[2] == first.partition("Bring its")[2]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert (ApiKey.objects.count(), Integration.objects.count()) == (1, 3)


def test_a_second_run_whose_secrets_were_deleted_is_refused_in_one_line(folder: Path) -> None:
    demo()
    (folder / "api-key").unlink()
    with pytest.raises(CommandError, match=r"already exists, but its secrets are not in .*demo") as refused:
        demo()
    assert "\n" not in str(refused.value)


def test_a_demo_whose_files_cannot_be_written_is_not_created(folder: Path) -> None:
    folder.write_text("in the way")
    with pytest.raises(CommandError, match="Cannot write the demo's secrets"):
        demo()
    assert not Organisation.objects.filter(name="Demo").exists()


def test_a_demo_whose_names_are_taken_is_not_created(folder: Path) -> None:
    make_outlet("Quay", provider_outlet_id="demo-station")
    with pytest.raises(CommandError, match="ProviderOutletID"):
        demo()
    assert not Organisation.objects.filter(name="Demo").exists()
    assert not folder.exists()


@pytest.mark.django_db(transaction=True)
def test_the_demos_file_follows_every_change_of_its_outlets(folder: Path) -> None:
    demo()
    integration = Integration.objects.get(pos_remote_id="Demo-Harbour")
    handover = rotate_secret(integration, actor=ANNA)
    change_pos_remote_id(integration, pos_remote_id="Changed", actor=ANNA)
    other = make_enabled_outlet("Harbour")
    secret = rotate_secret(other.integration, actor=ANNA).auth_secret
    harbour, *others = [json.loads(line) for line in (folder / "outlets.jsonl").read_text().splitlines()]
    assert (harbour["POSRemoteID"], harbour["AuthSecret"]) == ("Changed", handover.auth_secret)
    assert [each["POSRemoteID"] for each in others] == ["Demo-Airport", "Demo-Station"]
    assert secret not in (folder / "outlets.jsonl").read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_without_a_demo_no_secret_reaches_the_disk(folder: Path) -> None:
    rotate_secret(make_enabled_outlet("Harbour").integration, actor=ANNA)
    assert not folder.exists()


def test_no_command_in_the_banner_contains_a_secret() -> None:
    assert "--auth-secret" not in banner("127.0.0.1", 8000)
    assert "--credentials outlet.json" in banner("127.0.0.1", 8000)
