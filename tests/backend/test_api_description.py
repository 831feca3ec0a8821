"""The API describes itself, without resources from other servers."""

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from integrations.backend import urls
from integrations.backend.base.views import BackendView
from integrations.backend.views import NotFoundView
from integrations.models.notices.notice import NoticeKind
from integrations.wire.endpoints import API_PATH
from integrations.wire.payloads.answer_models import ALL_MODELS, answer_model, type_name
from integrations.wire.payloads.examples import EXAMPLES
from tests.backend.operations import calls, document
from tests.support.generated.client_models import read_document

pytestmark = pytest.mark.django_db

# The statuses of success, by the first word of the operationId. Every other operation has only 200.
SUCCESSES = {"send": {"200", "202"}, "create": {"201"}}


def served() -> dict[str, set[str]]:
    """Return the methods of each path in the URL configuration, without the view that answers 404."""
    found = {}
    for pattern in urls.urlpatterns:
        view = pattern.callback.view_class  # type: ignore[attr-defined]
        if issubclass(view, BackendView) and view is not NotFoundView:
            path = re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
            found[f"{API_PATH}{path}".rstrip("/")] = {name for name in view.http_method_names if hasattr(view, name)}
    return found


def test_every_address_that_the_api_serves_is_described_with_its_methods() -> None:
    described = {path: set(found) for path, found in document()["paths"].items()}
    assert described == served()


def test_the_root_lists_every_path_without_parameters() -> None:
    paths = {f"{path}/".removeprefix(API_PATH).rstrip("/") for path in document()["paths"] if "{" not in path}
    listed = set(document()["components"]["schemas"]["Paths"]["required"])
    assert listed == paths - {""} | {"schema", "docs"}


def test_the_document_is_openapi_3_1_and_names_every_model() -> None:
    document = read_document()
    assert document["openapi"] == "3.1.0"
    assert set(ALL_MODELS) <= set(document["components"]["schemas"])
    sending = document["paths"]["/api/v1/outlets/{provider_outlet_id}/requests"]["post"]
    statuses = {"200", "202", "401", "403", "404", "409", "410", "413", "422", "429", "500", "502", "503", "504"}
    assert set(sending["responses"]) == statuses | {"400", "408", "414", "431", "501", "505"}


def test_each_call_has_a_schema_for_its_success_and_lists_no_other_status_below_400() -> None:
    paths = read_document()["paths"]
    for found in paths.values():
        for call in found.values():
            below = {status for status in call["responses"] if int(status) < 400}
            assert below == SUCCESSES.get(call["operationId"].partition("_")[0], {"200"}), call["operationId"]
            for status in below:
                assert call["responses"][status]["content"]["application/json"]["schema"], call["operationId"]


def test_the_document_states_the_limits_that_the_portal_enforces() -> None:
    order = read_document()["components"]["schemas"]["OtherOrder"]
    numbers = {name: (each.get("minimum"), each.get("maximum")) for name, each in order["properties"].items()}
    assert numbers["timeout"] == (1, 120)
    assert numbers["expires_in"] == (0, 86_400)
    lengths = {name: each["maxLength"] for name, each in order["properties"].items() if "maxLength" in each}
    assert lengths == {"device_id": 64, "user_identifier": 36, "request_id": 256}
    least = {name: each["minLength"] for name, each in order["properties"].items() if "minLength" in each}
    assert least == {"device_id": 1, "request_id": 1}
    hours = read_document()["components"]["schemas"]["NewLinkBody"]["properties"]["hours"]
    assert (hours["minimum"], hours["maximum"]) == (1, 336)


def test_the_steps_of_a_check_are_a_closed_list() -> None:
    schemas = read_document()["components"]["schemas"]
    assert schemas["Step"]["properties"]["name"]["allOf"] == [{"$ref": "#/components/schemas/StepNameEnum"}]
    steps = ["enabled", "attempted", "secret", "paired", "token", "connected", "answered"]
    assert schemas["StepNameEnum"]["enum"] == steps


def test_the_document_states_the_limits_and_formats_of_every_parameter() -> None:
    for _, _, call in calls():
        for each in call["parameters"]:
            if "$ref" in each:
                continue
            assert each["description"].strip(), each
            schema = each["schema"]
            if schema["type"] == "integer":
                assert "minimum" in schema, each
                assert "maximum" in schema, each
            assert ("since" in each["name"]) == (schema.get("format") == "date-time"), each


def test_the_document_lists_nullable_request_fields() -> None:
    schemas = read_document()["components"]["schemas"]
    nullable = {name for name, each in schemas["Request"]["properties"].items() if "null" in each.get("type", ())}
    moments = {"stored_at", "sent_at", "last_sent_at", "ended_at", "content_pruned_at"}
    assert nullable == moments | {"user_identifier", "result_code", "error_message"}


def test_every_answer_has_a_description() -> None:
    for path, method, call in calls():
        for status, response in call["responses"].items():
            assert response["description"].strip(), (method, path, status)
            assert "serializer" not in response["description"].lower(), (method, path, status)


def test_every_refusal_refers_to_the_schemas_of_its_problems_and_to_no_other() -> None:
    schemas, named = document()["components"]["schemas"], set()
    for path, method, call in calls():
        for status, response in call["responses"].items():
            if int(status) < 400:
                continue
            schema = response["content"]["application/problem+json"]["schema"]
            found = [schemas[name_in(each)] for each in schema.get("oneOf", [schema])]
            assert {each["properties"]["status"]["const"] for each in found} == {int(status)}, (method, path)
            types = {each["properties"]["type"]["const"] for each in found}
            assert len(types) == len(found), (method, path)
            assert len(found) == 1 or set(schema["discriminator"]["mapping"]) == types, (method, path)
            named |= types
    described = {each["properties"]["type"]["const"] for name, each in schemas.items() if name.endswith("Problem")}
    assert named == described


def test_a_problem_has_only_the_members_of_its_type() -> None:
    schemas = document()["components"]["schemas"]
    assert "scope" in schemas["MissingScopeProblem"]["properties"]
    assert "scope" not in schemas["UnknownOutletProblem"]["properties"]
    assert schemas["NoAnswerYetProblem"]["required"] == ["type", "title", "status"]


def test_a_discriminator_tells_the_schemas_of_every_list_apart() -> None:
    schemas = document()["components"]["schemas"]
    lists = {name: schema for name, schema in schemas.items() if "oneOf" in schema}
    assert {"Event", "DocumentedOrder", "DocumentedAnswer"} <= set(lists)
    # Order and Answer have no discriminator, because their message type can be a name or a number.
    for name in set(lists) - {"Order", "Answer"}:
        member, mapping = lists[name]["discriminator"]["propertyName"], lists[name]["discriminator"]["mapping"]
        variants = [name_in(each) for each in lists[name]["oneOf"]]
        found = {schemas[each]["properties"][member]["const"]: f"#/components/schemas/{each}" for each in variants}
        assert found == mapping, name


def test_no_field_of_a_body_has_a_default_and_is_required() -> None:
    schemas = document()["components"]["schemas"]
    for name, schema in schemas.items():
        defaults = {field for field, each in schema.get("properties", {}).items() if "default" in each}
        assert not defaults & set(schema.get("required", ())), name


def test_every_member_of_an_answer_is_required_unless_some_answers_lack_it() -> None:
    schemas = document()["components"]["schemas"]
    below: set[str] = set()
    for _, _, call in calls():
        for status, response in call["responses"].items():
            if int(status) < 400:
                below |= names_below(response["content"]["application/json"]["schema"], schemas)
    assert {"Delivery", "WholeRequest", "MessageType", "RequestFinishedData"} <= below
    optional = {
        name
        for each in below - set(ALL_MODELS)  # PowerEPOS defines which fields of its models are required
        for name in set(schemas[each].get("properties", ())) - set(schemas[each].get("required", ()))
    }
    assert optional == {"content_pruned_at", "traceparent"}


def test_no_object_in_an_answer_of_the_portal_is_without_a_description_of_its_members() -> None:
    schemas = document()["components"]["schemas"]
    for name, schema in schemas.items():
        if name not in ALL_MODELS and not name.endswith("Order"):
            assert "'additionalProperties': True" not in str(schema), name


def names_below(schema: Any, schemas: dict[str, Any]) -> set[str]:
    """Return the names of the schemas that a schema refers to, directly or indirectly."""
    names = set(re.findall("'#/components/schemas/([^']+)'", str(schema)))
    found: set[str] = set()
    while names - found:
        found |= names
        names = {each for name in names for each in re.findall("'#/components/schemas/([^']+)'", str(schemas[name]))}
    return found


def test_each_event_is_a_webhook_and_a_row_of_the_log_with_the_same_data() -> None:
    found = document()
    assert set(found["webhooks"]) == set(NoticeKind.values)
    rows = found["components"]["schemas"]["Event"]["discriminator"]["mapping"]
    for kind, each in found["webhooks"].items():
        body = each["post"]["requestBody"]["content"]["application/json"]["schema"]
        sent, row = (found["components"]["schemas"][name] for name in (name_in(body), rows[kind].rpartition("/")[2]))
        assert sent["properties"]["type"]["const"] == row["properties"]["type"]["const"] == kind
        assert sent["properties"]["data"] == row["properties"]["data"]
        assert {each["name"] for each in each["post"]["parameters"]} >= {"webhook-id", "webhook-signature"}
        assert each["post"]["description"].endswith("verify the signature, and process each id once.")


def name_in(schema: dict[str, Any]) -> str:
    return str(schema["$ref"].rpartition("/")[2])


@pytest.mark.parametrize("model", EXAMPLES)
def test_a_call_and_its_answer_have_the_types_of_the_message_type_that_they_name(model: str) -> None:
    schemas = read_document()["components"]["schemas"]
    name = type_name(model)
    for variant, payload in ((f"{name}Order", model), (f"{name}Answer", answer_model(model))):
        documented = schemas[f"Documented{variant.removeprefix(name)}"]["oneOf"]
        assert {"$ref": f"#/components/schemas/{variant}"} in documented
        properties = schemas[variant]["properties"]
        assert properties["message_type"]["const"] == name
        assert f"#/components/schemas/{payload}" in str(properties["payload"])


EIGHT_AT_ONCE = """
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import django

django.setup()
from django.test import Client
from drf_spectacular import plumbing

barrier = Barrier(8)
import_string = plumbing.import_string


def import_slowly(name):
    time.sleep(0.001)  # let another thread run at the most harmful moment
    return import_string(name)


def ask(path):
    barrier.wait()
    return Client(SERVER_NAME="127.0.0.1", raise_request_exception=False).get(path).status_code


plumbing.import_string = import_slowly
with ThreadPoolExecutor(8) as callers:
    print(list(callers.map(ask, ["/api/v1/schema", "/api/v1/schema?format=json"] * 3 + ["/api/v1/docs"] * 2)))
"""


@pytest.mark.processes
def test_concurrent_first_callers_of_a_process_all_get_the_document() -> None:
    done = subprocess.run([sys.executable, "-c", EIGHT_AT_ONCE], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"{[200] * 8}\n", done.stderr


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/vnd.oai.openapi; charset=utf-8"),
        ("application/yaml", "application/yaml; charset=utf-8"),
        ("application/json", "application/json"),
        ("application/vnd.oai.openapi+json", "application/vnd.oai.openapi+json"),
    ],
)
def test_the_document_is_built_once_for_each_representation(
    accept: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Client().get("/api/v1/schema", headers={"Accept": accept})
    monkeypatch.setattr(SchemaGenerator, "get_schema", None)
    monkeypatch.setattr(yaml, "dump_all", None)
    second = Client().get("/api/v1/schema?lang=de&version=2", headers={"Accept": accept})
    assert first.content == second.content
    assert yaml.load(second.content, yaml.CSafeLoader)["info"]["version"] == "1"
    assert (second["Content-Type"], "Accept" in second["Vary"]) == (kind, True)
    assert Client().head("/api/v1/schema", headers={"Accept": accept})["Content-Length"] == str(len(first.content))


@pytest.mark.parametrize("page", ["schema", "docs"])
def test_a_format_that_a_page_does_not_have_is_refused_in_the_query_as_in_the_header(page: str) -> None:
    for answer in (
        Client().get(f"/api/v1/{page}?format=xml"),
        Client().get(f"/api/v1/{page}", headers={"Accept": "application/xml"}),
    ):
        assert (answer.status_code, answer.json()["type"]) == (406, "urn:order-n-pay:problem:not-acceptable")


def test_every_reference_has_a_target() -> None:
    text = Client().get("/api/v1/schema").content.decode()
    components = read_document()["components"]
    references = set(re.findall(r"#/components/(\w+)/([\w-]+)", text))
    assert references <= {(group, name) for group, found in components.items() for name in found}
    assert {group for group, _ in references} >= {"schemas", "headers", "parameters"}


def test_the_interactive_page_loads_only_resources_of_the_portal() -> None:
    client = Client()
    page = client.get("/api/v1/docs").content.decode()
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert links
    for link in links:
        assert link.startswith("/"), link
        response = client.get(link)
        response.close()
        assert response.status_code == 200, link


def test_every_open_object_is_described_as_open() -> None:
    schemas = read_document()["components"]["schemas"]
    assert schemas["OtherOrder"]["properties"]["payload"]["additionalProperties"] is True
    assert all(schemas[model]["additionalProperties"] is True for model in ALL_MODELS)
    assert closed_and_empty(schemas) == []


def closed_and_empty(value: Any, where: str = "") -> list[str]:
    """Return the objects that client generators would assume to be empty."""
    if isinstance(value, list):
        return [found for number, each in enumerate(value) for found in closed_and_empty(each, f"{where}[{number}]")]
    if not isinstance(value, dict):
        return []
    is_empty = value.get("type") == "object" and not value.get("properties") and not value.get("additionalProperties")
    inner = [found for key, each in value.items() for found in closed_and_empty(each, f"{where}.{key}")]
    return [where, *inner] if is_empty else inner
