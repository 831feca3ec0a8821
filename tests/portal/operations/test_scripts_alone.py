"""Tests the commands of script/ that install nothing, the pins of the lock files, and manage.py first_login."""

import hashlib
import io
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from tests.live.stack.waiting import eventually
from tests.portal.operations.checkout import PASSWORD, complaint, copy_project, nothing_was_made, pins, run

pytestmark = pytest.mark.processes


@pytest.fixture
def untidy(tmp_path: Path) -> Path:
    """A checkout without .venv, in which ruff finds an error, so that the first check of script/test fails."""
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
    # If the script reached pytest, --version would make pytest print its version instead of running this suite.
    failed = run(untidy, "script/test", "--version")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == "script/test: ruff check failed"
    assert failed.stdout == "==> ruff check\n==> ruff format\n"
    assert not (untidy / ".env").exists()


@pytest.mark.parametrize("option", ["--python {}", "--python={}", "-k x --python {}"])
def test_script_test_uses_an_environment_of_the_named_python(untidy: Path, option: str) -> None:
    version = "{}.{}".format(*sys.version_info)
    use_running_environment(untidy, f".venv-{version}")
    failed = run(untidy, "script/test", *option.format(version).split())
    assert failed.stderr.splitlines()[-1] == "script/test: ruff check failed"
    assert failed.stdout == "==> ruff check\n==> ruff format\n"
    assert not (untidy / ".venv").exists()


@pytest.fixture
def stub(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that creates a checkout whose .venv has commands that do nothing.

    Each keyword argument of the function replaces one command by a line of shell code.
    """
    checkout = copy_project(tmp_path / "checkout")
    shutil.rmtree(checkout / "tests" / "clients", ignore_errors=True)
    use_running_environment(checkout, ".venv")
    (checkout / ".venv" / "bin").unlink()
    (checkout / ".venv" / "bin").mkdir()

    def make(**bodies: str) -> Path:
        cases = "\n".join(f'"-m {name} "*) {body} ;;' for name, body in bodies.items())
        python = f'#!/bin/sh\ncase "$* " in\n{cases}\n-m*|manage.py*) ;;\n*) exec {sys.executable} "$@" ;;\nesac\n'
        for name, text in {"python": python, "codespell": "#!/bin/sh\n", "lint-imports": "#!/bin/sh\n"}.items():
            (checkout / ".venv" / "bin" / name).write_text(text)
            (checkout / ".venv" / "bin" / name).chmod(0o755)
        return checkout

    return make


SLEEPS = "echo $$ >pid; exec sleep 300"
SLEEPS_UNTIL_INTERRUPTED = "trap 'echo interrupted; exit 2' INT; touch started; while :; do sleep 0.1; done"


def test_script_test_succeeds_if_all_checks_and_tests_do(stub: Callable[..., Path]) -> None:
    done = run(stub(mypy="echo a note", pytest="echo 3 passed"), "script/test")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("==> deployment\n==> pytest\n3 passed\n")


def test_a_check_that_fails_interrupts_the_tests(stub: Callable[..., Path]) -> None:
    checkout = stub(
        mypy="until [ -e started ]; do sleep 0.1; done; echo A type is wrong.; exit 1", pytest=SLEEPS_UNTIL_INTERRUPTED
    )
    failed = run(checkout, "script/test")
    assert (failed.returncode, failed.stderr) == (1, "A type is wrong.\nscript/test: mypy failed\n")
    assert failed.stdout.endswith("interrupted\n")


def test_a_check_that_fails_at_once_ends_the_run_too(stub: Callable[..., Path]) -> None:
    """The check may fail before pytest starts, or before pytest can be interrupted."""
    failed = run(stub(mypy="echo A type is wrong.; exit 1", pytest=SLEEPS_UNTIL_INTERRUPTED), "script/test")
    assert (failed.returncode, failed.stderr) == (1, "A type is wrong.\nscript/test: mypy failed\n")


def test_tests_that_fail_end_the_checks_that_still_run(stub: Callable[..., Path]) -> None:
    checkout = stub(mypy=SLEEPS, pytest="until [ -s pid ]; do sleep 0.1; done; exit 5")
    assert run(checkout, "script/test").returncode == 5
    eventually(lambda: not Path(f"/proc/{(checkout / 'pid').read_text().strip()}").exists(), what="mypy has ended")


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
