"""Run management commands in this process, and return their output or the reason for a refusal."""

import io
import json
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

KEYS = ["ProviderOutletID", "POSRemoteID", "AuthSecret", "AuthURL", "WebsocketURL"]
NEW = ("--organisation", "Osteria", "--outlet", "Garden", "--pos-remote-id", "TestOrg-1")
NOT_UTF_8 = "Caf\udce9"  # how Python decodes an argument that ends with the byte 0xE9, which is not UTF-8


def run(*args: str) -> tuple[str, str]:
    """Run a command, and return its standard output and standard error."""
    output, errors = io.StringIO(), io.StringIO()
    call_command(*args, stdout=output, stderr=errors)
    return output.getvalue(), errors.getvalue()


def run_json(*args: str) -> Any:
    """Return the JSON value that a command prints, and fail if it prints anything else."""
    return json.loads(run(*args, "--format", "json")[0])


def refusal(*args: str) -> str:
    """Return the line that a refused command prints to standard error; its standard output must be empty."""
    output = io.StringIO()
    with pytest.raises(CommandError) as refused:
        call_command(*args, stdout=output, stderr=io.StringIO())
    assert output.getvalue() == ""
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)
