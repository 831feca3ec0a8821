"""The generated parts of clients/ match the API, and the Python client calls each path of the API."""

import inspect
import re

import pytest

from order_n_pay import AsyncClient, Client
from order_n_pay._temporary import TEMPORARY
from tests.support.generated.client_models import generated_files, problem_names, read_document
from tests.support.project import PROJECT

pytestmark = pytest.mark.processes  # the generators run as separate processes


def test_the_files_are_those_that_script_clients_writes() -> None:
    changed = [str(path) for path, text in generated_files().items() if (PROJECT / path).read_text() != text]
    assert changed == [], "call script/clients"


def test_each_address_of_the_api_is_called() -> None:
    paths = {re.sub(r"\{\w+\}", "ID", path.removeprefix("/api/v1")) for path in read_document()["paths"]}
    python = "".join(path.read_text() for path in (PROJECT / "clients/python/src/order_n_pay/_async").glob("*.py"))
    last = {path.rpartition("/")[2] for path in paths if not path.endswith("ID")}
    assert {name for name in last if name not in python} == set()


def test_each_problem_that_the_clients_call_temporary_exists() -> None:
    assert set(problem_names(read_document())) >= TEMPORARY


def test_the_synchronous_client_has_the_methods_of_the_asynchronous_one() -> None:
    one, other = (dict(inspect.getmembers(each, inspect.isfunction)) for each in (Client, AsyncClient))
    assert {name for name in one if not name.startswith("_")} == {
        name.replace("aclose", "close") for name in other if not name.startswith("_")
    }
