"""The reference documents list what the code has: metrics, message types, commands, tables."""

import re
from argparse import SUPPRESS, Action

import pytest
from django.apps import apps
from django.core.management import load_command_class
from django.db.migrations.recorder import MigrationRecorder

from integrations.services import metrics
from integrations.wire.payloads.answer_models import ALL_MODELS, RESULT_CODES
from tests.support.project import PROJECT

COMMANDS = sorted(path.stem for path in (PROJECT / "integrations/management/commands").glob("[!_]*.py"))
OF_DJANGO = {"migrate"}  # Django's documentation describes it


def text_of(document: str) -> str:
    return (PROJECT / "docs" / document).read_text(encoding="utf-8")


def test_the_list_of_metrics_has_each_with_its_type_and_meaning_and_no_other() -> None:
    rows = re.findall(r"^\| `(onp_\w+)` \| (\w+) \| .*? \| (.+) \|$", text_of("metrics.md"), re.MULTILINE)
    counted = {
        (family.name + "_total" * (family.type == "counter"), family.type, family.documentation)
        for family in metrics.REGISTRY.collect()
    }
    read = {(name, "gauge", meaning) for name, meaning in metrics.FROM_DATABASE.items()}
    assert set(rows) == counted | read
    assert f"`{metrics.BUILD_INFO[0]}`" in text_of("metrics.md")


@pytest.mark.parametrize("model", [name for name, fields in ALL_MODELS.items() if fields])
def test_each_payload_is_documented_with_every_field_in_its_order(model: str) -> None:
    heading = f"`{model}`" if model.startswith("OrderNPay") else f"### {model}\n"
    table = text_of("message-types.md").split(heading)[1].lstrip().removeprefix(":").lstrip()
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+) \|$", table.split("\n\n")[0], re.MULTILINE)
    assert [name for name, *_ in rows] == [field.name for field in ALL_MODELS[model]]
    for field, (name, kind, presence, meaning) in zip(ALL_MODELS[model], rows, strict=True):
        assert (presence in ("required", "always")) == field.required, name
        assert meaning == field.meaning, name
        assert field.limit is None or kind.endswith(f"at most {field.limit}"), name


def test_the_result_codes_are_those_that_the_api_describes() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", text_of("message-types.md"), re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == RESULT_CODES


def test_the_list_of_commands_names_each_command() -> None:
    rows = [line for line in text_of("commands.md").splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)", row.split(" | ")[0])}
    assert set(COMMANDS) - named == OF_DJANGO


@pytest.mark.parametrize("command", [each for each in COMMANDS if each not in OF_DJANGO])
def test_the_list_of_commands_has_each_option(command: str) -> None:
    documented = documented_options(command)
    missing = [name for name in options_of(command) if not re.search(rf"{name}(?![\w-])", documented)]
    assert missing == [], f"docs/commands.md: {command}"


def documented_options(command: str) -> str:
    table, *sections = re.split(r"^## ", text_of("commands.md"), flags=re.MULTILINE)
    row = next(line for line in table.splitlines() if line.startswith("| `") and f"`{command}" in line)
    return row + "".join(section for section in sections if section.startswith(f"`{command}`"))


def options_of(command: str) -> list[str]:
    """Return the options that --help shows for this command, without those that every command has."""
    parser = load_command_class("integrations", command).create_parser("manage.py", command)
    return [name for action in parser._actions if is_own(action) for name in action.option_strings]


def is_own(action: Action) -> bool:
    of_every_command = {"-h", "--version", "-v", "--settings", "--pythonpath", "--traceback", "--no-color"}
    of_every_command |= {"--force-color", "--skip-checks"}
    return action.help != SUPPRESS and not of_every_command & set(action.option_strings)


def test_the_list_of_personal_data_has_every_table_and_no_other() -> None:
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    tables.add(MigrationRecorder.Migration._meta.db_table)
    apps_with_tables = "|".join({name.partition("_")[0] for name in tables})
    named = re.findall(rf"`((?:{apps_with_tables})_\w+)`", text_of("personal-data.md"))
    assert sorted(named) == sorted(tables)
