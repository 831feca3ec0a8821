"""The examples in the documents about the API do what the documents say, in each programming language.

A test runs all examples of one document in one language, from first to last. It appends the language to names that
must be unique in the portal.
"""

import re
import sys
from pathlib import Path

import httpx2
import pytest

from tests.live.callers.documents import DOCUMENTED_URL, Reader, blocks_of, logged_by, texts_of
from tests.live.clients.conftest import Portal
from tests.live.clients.packages import compile_typescript, run_python, run_typescript
from tests.live.stack.waiting import eventually
from tests.support.project import PROJECT

IN_THREE_LANGUAGES = [
    "docs/tutorials/first-order.md",
    "docs/how-to/send-requests.md",
    "docs/api-outlets.md",
    "docs/api-webhooks.md",
]
COMMANDS_ONLY = ["docs/api.md", "docs/how-to/manage-sign-in.md"]
UNIQUE = re.compile(r"osteria-mare|Osteria Mare|mare-pier|PE-4711|Back office|CRM|web-\d+")
NODE = "declare const process: { env: Record<string, string | undefined> };\n"


@pytest.fixture(scope="module", autouse=True)
def _event(portal: Portal) -> None:
    """Create the event that the examples in docs/api-webhooks.md read."""
    headers = {"Authorization": f"Bearer {portal.env['PORTAL_API_KEY']}"}
    with httpx2.Client(base_url=f"{portal.stack.base_url}/api/v1/", headers=headers, trust_env=False) as client:
        request = {"message_type": "GetUserFromPIN", "device_id": "kiosk-1", "payload": {"PIN": "5678"}}
        client.post("outlets/demo-harbour/requests", json=request).raise_for_status()
        eventually(lambda: client.get("events?kind=request.finished").json()["results"], what="the event is stored")


@pytest.fixture(scope="module")
def programs(folder: Path) -> Path:
    """Compile the TypeScript program of each document into one folder, and return the folder."""
    for document in IN_THREE_LANGUAGES:
        (folder / f"{Path(document).stem}.ts").write_text(NODE + program_of("ts", document))
    names = [f"{Path(document).stem}.ts" for document in IN_THREE_LANGUAGES]
    compile_typescript(folder, "--lib", "es2022,dom", *names)
    return folder


def program_of(language: str, document: str) -> str:
    """Return a document's code blocks in this language as one program."""
    return with_own_names(language, "\n".join(texts_of(document, language)))


def with_own_names(language: str, text: str) -> str:
    return UNIQUE.sub(lambda found: f"{found[0]}-{language}", text)


@pytest.mark.parametrize("document", [*IN_THREE_LANGUAGES, *COMMANDS_ONLY])
def test_every_command_prints_what_the_document_says(portal: Portal, tmp_path: Path, document: str) -> None:
    (tmp_path / "data").symlink_to(portal.stack.env["DATA_DIR"])
    (tmp_path / "manage.py").symlink_to(PROJECT / "manage.py")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    environment = portal.stack.env | {"PORTAL_API_KEY": portal.env["PORTAL_API_KEY"], "NO_PROXY": "*"}
    reader = Reader(portal.stack.base_url, tmp_path, environment)
    for block in blocks_of(document):
        if not block.is_python:
            own = type(block)(with_own_names("sh", block.text), is_python=False)
            printed = reader.run_shell(own.text)
            assert own.is_output(printed), f"{own.text}\n{printed}"


@pytest.mark.parametrize("document", IN_THREE_LANGUAGES)
def test_the_python_of_each_document_prints_what_it_says(python: str, portal: Portal, document: str) -> None:
    program = program_of("python", document)
    expected = type(blocks_of(document)[0])(program, is_python=True).expected
    program = program.replace(DOCUMENTED_URL, portal.stack.base_url)
    assert run_python(python, portal.env, "-c", program).splitlines() == expected


@pytest.mark.parametrize("document", IN_THREE_LANGUAGES)
def test_the_typescript_of_each_document_logs_what_it_says(programs: Path, portal: Portal, document: str) -> None:
    program = programs / f"{Path(document).stem}.js"
    program.write_text(program.read_text().replace(DOCUMENTED_URL, portal.stack.base_url))
    assert run_typescript(programs, portal.env, program).splitlines() == logged_by(program_of("ts", document))
