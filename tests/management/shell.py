"""Commands run as at a shell: what they print, and how they refuse."""

import io
import json
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

KEYS = ["ProviderOutletID", "POSRemoteID", "AuthSecret", "AuthURL", "WebsocketURL"]
NEW = ("--organisation", "Osteria", "--outlet", "Garden", "--pos-remote-id", "TestOrg-1")
NOT_UTF_8 = "Caf\udce9"  # how Python passes a byte of another encoding on


def run(*args: str) -> tuple[str, str]:
    """Return what a command writes to standard output and to standard error."""
    output, errors = io.StringIO(), io.StringIO()
    call_command(*args, stdout=output, stderr=errors)
    return output.getvalue(), errors.getvalue()


def run_json(*args: str) -> Any:
    """Return the one JSON value that is all of a command's standard output."""
    return json.loads(run(*args, "--format", "json")[0])


def refusal(*args: str) -> str:
    """Return the one line with which a command refuses; nothing stands on standard output."""
    output = io.StringIO()
    with pytest.raises(CommandError) as refused:
        call_command(*args, stdout=output, stderr=io.StringIO())
    assert output.getvalue() == ""
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)
