"""Commands of script/ that install nothing; the lock files; the first login."""

import hashlib
import io
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from tests.portal.operations.checkout import PASSWORD, complaint, copy_project, nothing_was_made, pins, run

pytestmark = pytest.mark.processes


@pytest.fixture
def untidy(tmp_path: Path) -> Path:
    """A checkout without .venv, in which ruff finds an error: script/test ends with its first check."""
    checkout = copy_project(tmp_path / "checkout")
    (checkout / "integrations" / "untidy.py").write_text("import os\n")
    shutil.rmtree(checkout / "tests" / "clients", ignore_errors=True)
    return checkout


def use_running_environment(checkout: Path, name: str) -> None:
    """Link the running environment into the checkout and mark it up to date, so script/bootstrap installs nothing."""
    venv = checkout / name
    venv.mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (venv / part).symlink_to(Path(sys.prefix) / part)
    version = "{}.{}".format(*sys.version_info)
    digest = hashlib.sha256((checkout / "requirements-dev.lock").read_bytes()).hexdigest()
    (venv / "installed").write_text(f"{version} requirements-dev.lock {digest}\n")


def test_script_test_names_the_check_that_failed_and_stops_there(untidy: Path) -> None:
    use_running_environment(untidy, ".venv")
    failed = run(untidy, "script/test", "--version")  # an option of pytest, to keep this suite from running recursively
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == "script/test: ruff check failed"
    assert failed.stdout == "==> ruff check\n"
    assert not (untidy / ".env").exists()


@pytest.mark.parametrize("option", ["--python {}", "--python={}", "-k x --python {}"])
def test_script_test_uses_an_environment_of_the_named_python(untidy: Path, option: str) -> None:
    version = "{}.{}".format(*sys.version_info)
    use_running_environment(untidy, f".venv-{version}")
    failed = run(untidy, "script/test", *option.format(version).split())
    assert failed.stderr.splitlines()[-1] == "script/test: ruff check failed"
    assert failed.stdout == "==> ruff check\n"
    assert not (untidy / ".venv").exists()


def test_help_is_printed_without_setting_anything_up(bare: Path) -> None:
    done = run(bare, "script/server", "--help")
    assert done.returncode == 0
    assert {"--host", "--port", "--data-dir", "--demo"} <= set(re.findall(r"--[\w-]+", done.stdout))
    assert nothing_was_made(bare)


def test_every_lock_file_pins_what_the_smaller_one_pins() -> None:
    run_time, scale, dev = (pins(f"requirements{kind}.lock") for kind in ("", "-scale", "-dev"))
    assert run_time <= scale <= dev


def test_script_test_says_how_to_get_a_python_that_is_not_installed(bare: Path) -> None:
    said = complaint(run(bare, "script/test", "--python", "3.99"))
    assert "Python 3.99 is not installed" in said
    assert "apt install python3.99-venv" in said
    assert not list(bare.glob(".venv*"))


@pytest.mark.parametrize("options", [["--python"], ["--python="], ["--python", "3"], ["--python", "-k"]])
def test_script_test_requires_a_version_after_python(bare: Path, options: list[str]) -> None:
    assert "such as 3.13" in complaint(run(bare, "script/test", *options), status=2)


def test_a_python_in_a_folder_of_pyenv_is_found_although_its_shim_does_not_run(bare: Path, tmp_path: Path) -> None:
    version = "{}.{}".format(*sys.version_info)
    commands = {f"python{version}": "exit 127", "pyenv": f'[ "$*" = "prefix {version}" ] && echo {sys.prefix}'}
    for name, body in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    found = run(bare, "script/find_python", version, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert found.stdout == f"{sys.executable}\n"


@pytest.mark.django_db
class TestFirstLogin:
    def test_does_and_prints_nothing_if_there_is_a_superuser(self) -> None:
        User.objects.create_superuser("somebody", password="known to them")
        assert first_login() == ""
        assert User.objects.count() == 1

    def test_creates_a_superuser_with_the_password_that_it_prints(self) -> None:
        [password] = PASSWORD.findall(first_login())
        admin = User.objects.get(username="admin")
        assert admin.is_superuser
        assert admin.is_staff
        assert admin.check_password(password)

    def test_does_not_make_an_existing_user_of_that_name_a_superuser(self) -> None:
        User.objects.create_user("admin")
        with pytest.raises(CommandError, match="another user has the name admin"):
            first_login()


def first_login() -> str:
    output = io.StringIO()
    call_command("first_login", stdout=output)
    return output.getvalue()
