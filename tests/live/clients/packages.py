"""Builds the packages of clients/, installs each in an empty environment, and runs programs that use it."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.live.stack.binaries import give_up, need
from tests.support.project import PROJECT

PYTHON_PACKAGE = PROJECT / "clients" / "python"
TYPESCRIPT_PACKAGE = PROJECT / "clients" / "typescript"


def install_python(folder: Path) -> None:
    """Build the Python package, and install it in a new virtual environment of the oldest Python that it supports."""
    environment = str(folder / "environment")
    for command in (
        [_oldest_python(), "-m", "venv", "--symlinks", "--without-pip", environment],
        [sys.executable, "-m", "pip", "--python", f"{environment}/bin/python", "install", str(PYTHON_PACKAGE)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
        if done.returncode:
            give_up(f"pip could not build or install the Python client: {done.stderr.strip()[-500:]}")


def _oldest_python() -> str:
    """Return Python 3.10 if pyenv or the system has it; otherwise the Python of the tests."""
    found = subprocess.run(["bash", "-c", "pyenv prefix 3.10"], capture_output=True, text=True, check=False)
    candidates = [f"{found.stdout.strip()}/bin/python", shutil.which("python3.10") or "", sys.executable]
    return next(each for each in candidates if _runs(each))


def _runs(python: str) -> bool:
    command = [python, "-c", "import venv"]
    return Path(python).is_file() and subprocess.run(command, capture_output=True, check=False).returncode == 0


def run_python(python: str, environment: dict[str, str], *arguments: str) -> str:
    """Run `python`, the interpreter that has the package, with these arguments; return its output."""
    done = subprocess.run(
        [python, *arguments], env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install_typescript(folder: Path) -> None:
    """Build the TypeScript package with the versions of its lock file, and install it in the folder `caller`."""
    ignored = shutil.ignore_patterns("node_modules", "dist")
    package = Path(shutil.copytree(TYPESCRIPT_PACKAGE, folder / "package", ignore=ignored))
    _npm(package, "ci")
    _npm(package, "pack", "--pack-destination", str(folder))
    caller = folder / "caller"
    caller.mkdir()
    (caller / "package.json").write_text('{"private": true, "type": "module"}')
    _npm(caller, "install", str(folder / "order-n-pay-0.1.0.tgz"))


def _npm(folder: Path, *arguments: str) -> None:
    command = [need("npm"), *arguments, "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=180)
    if done.returncode:
        give_up(f"npm could not build or install the TypeScript client: {(done.stdout + done.stderr).strip()[-500:]}")


def run_typescript(folder: Path, environment: dict[str, str], program: Path, *arguments: str) -> str:
    """Copy a program into the folder, where it can import the package; run it there, and return its output."""
    copy = program if program.parent == folder else shutil.copy(program, folder)
    command = [need("node"), str(copy), *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def compile_typescript(folder: Path, *arguments: str) -> None:
    """Compile files of the folder as strictly as possible; raise AssertionError with the compiler's errors."""
    options = ["--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022", *arguments]
    command = [need("node"), str(folder.parent / "package/node_modules/typescript/bin/tsc"), *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
