"""Writes the parts of `clients/` that are generated from the OpenAPI document.

These are the models, the problem types, the overloads of `send`, and the synchronous Python client.
datamodel-code-generator and openapi-typescript write the models, and unasync writes the synchronous client.
`script/clients` calls this module; tests compare the files with its output.
"""

import copy
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import unasync
from django.test import Client

from tests.support.project import PROJECT

PYTHON = Path("clients/python/src/order_n_pay")
TYPESCRIPT = Path("clients/typescript/src")
HEADER = "# Written by script/clients from the API's OpenAPI document. Do not edit it."
# A client retries after these problems. They mean that nothing was done yet or that the call is still running, so a
# retry with the same Idempotency-Key leads to the outcome. `pos-offline` has Retry-After, but is itself an outcome.
_TEMPORARY = (
    "database-away",
    "idempotency-key-in-use",
    "internal",
    "no-answer-yet",
    "not-ready",
    "queue-full",
    "rate-limited",
    "request-timeout",
    "restarting",
    "too-many-bodies",
    "too-many-requests",
)
_CLIENT = PYTHON / "_async/client.py"
_OVERLOADS = re.compile(
    r"(    # The overloads, written by script/clients.\n).*?(    # The end of the overloads.\n)", re.DOTALL
)
_OVERLOAD = """
    @overload
    async def send(
        self,
        outlet: str,
        message_type: Literal["{name}"],
        payload: params.{payload},
        **options: Unpack[SendOptions],
    ) -> models.{answer}: ...
"""
_METHODS = ("get", "post", "patch", "delete")
# The models leave these keys out: without limits on values, a client can also read the answers of a later portal.
_LIMITS = re.compile(r"(min|max)(imum|Length|Items|Properties)|pattern|title|readOnly|example|examples|default")
_PROBLEM = re.compile(r"urn:order-n-pay:problem:([a-z-]+)")
_SCHEMA = "#/components/schemas/"


def read_document() -> dict[str, Any]:
    """Return the OpenAPI document that the portal serves."""
    document: dict[str, Any] = Client(SERVER_NAME="localhost").get("/api/v1/schema?format=json").json()
    return document


def python_models(document: dict[str, Any]) -> dict[Path, str]:
    """Return the generated Python files: the models of answers and bodies, and the problem types."""
    answers, bodies = _plain(document, is_answer=True), _plain(document, is_answer=False)
    return {
        PYTHON / "models.py": _generate(answers, "pydantic_v2.BaseModel", "--extra-fields", "allow"),
        PYTHON / "params.py": re.sub(
            r"(?<!import )\bDecimal\b", "Decimal | int", _generate(bodies, "typing.TypedDict")
        ),
        PYTHON / "errors.py": _python_problems(document),
        PYTHON / "_temporary.py": _formatted(f"{HEADER}\n\nTEMPORARY = frozenset({_TEMPORARY})\n"),
    }


def typescript_problems(document: dict[str, Any]) -> str:
    types = "".join(f'\n    | "{name}"' for name in problem_names(document))
    temporary = "".join(f'    "{name}",\n' for name in _TEMPORARY)
    return (
        f"{HEADER.replace('#', '//')}\n\nexport type ProblemType ={types};\n\n"
        "/** The problems that the client repeats. */\n"
        f"export const TEMPORARY: ReadonlySet<string> = new Set<ProblemType>([\n{temporary}]);\n"
    )


def asynchronous_client(document: dict[str, Any]) -> str:
    """Return the asynchronous client with an overload of `send` for each documented message type."""
    schemas = document["components"]["schemas"]
    answers = schemas["DocumentedAnswer"]["discriminator"]["mapping"]
    orders = schemas["DocumentedOrder"]["discriminator"]["mapping"]
    overloads = "".join(
        _OVERLOAD.format(name=name, payload=_payload_of(schemas[_name(orders[name])]), answer=_name(answer))
        for name, answer in answers.items()
    )
    return _OVERLOADS.sub(lambda found: found[1] + overloads + "\n" + found[2], (PROJECT / _CLIENT).read_text())


def _payload_of(order: dict[str, Any]) -> str:
    return _name(order["properties"]["payload"]["$ref"])


def _name(reference: str) -> str:
    return reference.removeprefix(_SCHEMA)


def synchronous_client(client: str) -> dict[Path, str]:
    """Return the files of the synchronous client, which are those of the asynchronous one without `async`.

    `client` is the text of clients/python/src/order_n_pay/_async/client.py.
    """
    names = {
        "AsyncClient": "Client",
        "AsyncBaseTransport": "BaseTransport",
        "_async": "_sync",
        "aclose": "close",
        "anyio": "time",
    }
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "_async", Path(folder) / "_sync"
        shutil.copytree(PROJECT / PYTHON / "_async", source, ignore=shutil.ignore_patterns("__pycache__"))
        (source / _CLIENT.name).write_text(client)
        rule = unasync.Rule("/_async/", "/_sync/", additional_replacements=names)
        unasync.unasync_files([str(file) for file in source.iterdir()], [rule])
        return {PYTHON / "_sync" / file.name: _formatted(file.read_text()) for file in sorted(target.iterdir())}


def problem_names(document: dict[str, Any]) -> list[str]:
    """Return the types of problems, without their prefix."""
    return sorted(set(_PROBLEM.findall(json.dumps(document))))


def _python_problems(document: dict[str, Any]) -> str:
    names = problem_names(document)
    base = "from order_n_pay._errors import ApiError as ApiError, OrderNPayError as OrderNPayError"
    lines = [HEADER, "", base + ", OutcomeUnknown as OutcomeUnknown, UnexpectedAnswer as UnexpectedAnswer", ""]
    for name in names:
        class_name = "".join(part.capitalize() for part in name.split("-"))
        lines += [
            "",
            f"class {class_name}(ApiError):",
            f'    """The problem `{name}`."""',
            "",
            f'    name = "{name}"',
            "",
        ]
    return _formatted("\n".join(lines))


def _plain(document: dict[str, Any], *, is_answer: bool) -> dict[str, Any]:
    """Copy the document with the schemas of answers only, or of bodies only, and without limits on values."""
    plain = copy.deepcopy(document)
    plain["components"]["schemas"] = {
        name: _without_limits(schema, is_answer=is_answer) for name, schema in document["components"]["schemas"].items()
    }
    needed = sorted(_needed(plain, is_answer=is_answer))
    schemas = {name: plain["components"]["schemas"][name] for name in needed}
    return {"openapi": "3.1.0", "info": document["info"], "paths": {}, "components": {"schemas": schemas}}


def _without_limits(schema: Any, *, is_answer: bool) -> Any:
    if isinstance(schema, list):
        return [_without_limits(each, is_answer=is_answer) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: each for key, each in schema.items() if not (_LIMITS.fullmatch(key) and not isinstance(each, dict))}
    # Remove these formats. With `uuid`, for example, the models would parse an ID and lose its original spelling.
    if plain.get("format") in ("uuid", "uri", "int32", "int64"):
        plain.pop("format")
    if "enum" in plain:
        plain.pop("description", None)  # the description of an enum repeats its values
        if is_answer and plain.get("type") == "string":  # a later portal may send other values
            return {"anyOf": [{"type": "string", "enum": plain["enum"]}, {"type": "string"}]}
    if isinstance(plain.get("description"), str):
        plain["description"] = plain["description"].partition("\n\n* `")[0]
    if is_answer and plain.get("additionalProperties") is False:
        plain.pop("additionalProperties")
    return {key: _without_limits(each, is_answer=is_answer) for key, each in plain.items()}


def _needed(document: dict[str, Any], *, is_answer: bool) -> set[str]:
    """Return the names of the schemas for answers and webhooks, or those for request bodies if not `is_answer`."""
    roots = [document.get("webhooks", {})] if is_answer else []
    for operation in _operations(document):
        responses = {status: each for status, each in operation["responses"].items() if status < "400"}
        roots.append(responses if is_answer else operation.get("requestBody", {}))
    found: set[str] = set()
    waiting = [name for root in roots for name in _references(root)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _references(document["components"]["schemas"][name])
    return found


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from (path[method] for method in _METHODS if method in path)


def _references(node: Any) -> list[str]:
    text = json.dumps(node)
    return re.findall(rf'"\$ref": "{_SCHEMA}([^"]+)"', text)


def _generate(document: dict[str, Any], kind: str, *options: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "api.json", Path(folder) / "models.py"
        source.write_text(json.dumps(document))
        command = [sys.executable, "-m", "datamodel_code_generator", "--input", str(source), "--output", str(target)]
        command += ["--input-file-type", "openapi", "--output-model-type", kind, "--target-python-version", "3.10"]
        command += ["--enum-field-as-literal", "all", "--use-annotated", "--use-union-operator", "--disable-timestamp"]
        command += ["--use-standard-collections", "--use-schema-description", "--use-field-description"]
        command += ["--collapse-root-models", "--custom-file-header", HEADER, "--disable-warnings", "--no-formatters"]
        command += ["--ignore-pyproject", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return _formatted(target.read_text())


def _formatted(code: str) -> str:
    for command in (("check", "--select", "I", "--fix-only"), ("format",)):
        arguments = [sys.executable, "-m", "ruff", *command, "--quiet", "--stdin-filename", "clients/any.py", "-"]
        code = subprocess.run(arguments, cwd=PROJECT, input=code, capture_output=True, text=True, check=True).stdout
    return code


def generated_files() -> dict[Path, str]:
    """Return every generated file of the Python client, and the problem types of the TypeScript client."""
    document = read_document()
    problem_types = {TYPESCRIPT / "problem_types.ts": typescript_problems(document)}
    client = asynchronous_client(document)
    return python_models(document) | {_CLIENT: client} | synchronous_client(client) | problem_types


def write_typescript_types() -> None:
    """Write the TypeScript types, with the openapi-typescript of tests/clients."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "api.yaml"
        source.write_bytes(Client(SERVER_NAME="localhost").get("/api/v1/schema").content)
        program = PROJECT / "tests/clients/node_modules/.bin/openapi-typescript"
        target = PROJECT / TYPESCRIPT / "api.ts"
        subprocess.run([str(program), str(source), "--output", str(target)], check=True, capture_output=True)


def main() -> None:
    for path, text in generated_files().items():
        (PROJECT / path).parent.mkdir(parents=True, exist_ok=True)
        (PROJECT / path).write_text(text)
    write_typescript_types()


if __name__ == "__main__":
    django.setup()
    main()
