"""The OpenAPI document links the answer of a POST to the calls that need an identifier from this answer."""

from typing import Any

import pytest

from tests.backend.operations import calls

pytestmark = pytest.mark.django_db


def links() -> dict[str, list[tuple[str, str, dict[str, str]]]]:
    """Map each target operation to the links that lead to it: (source operation, answer status, parameters)."""
    found: dict[str, list[tuple[str, str, dict[str, str]]]] = {}
    for _, _, call in calls():
        for status, response in call["responses"].items():
            for name, link in response.get("links", {}).items():
                assert link["operationId"] == name
                found.setdefault(name, []).append((call["operationId"], status, link["parameters"]))
    return found


def path_parameters(call: dict[str, Any]) -> set[str]:
    return {each["name"] for each in call["parameters"] if each.get("in") == "path"}


def test_a_link_leads_to_every_call_with_a_path_parameter_and_sets_all_of_them() -> None:
    found, with_parameters = links(), {call["operationId"]: path_parameters(call) for _, _, call in calls()}
    assert found.keys() == {name for name, parameters in with_parameters.items() if parameters}
    for name, each in found.items():
        assert all(set(parameters) == with_parameters[name] for _, _, parameters in each)


def test_a_new_outlet_a_new_hand_over_link_a_request_and_a_test_event_lead_to_their_rows() -> None:
    outlet = {"provider_outlet_id": "$response.body#/provider_outlet_id"}
    assert links()["rotate_outlet_secret"] == [("create_outlet", "201", outlet)]
    link = {"provider_outlet_id": "$request.path.provider_outlet_id", "link_id": "$response.body#/id"}
    assert links()["revoke_handover_link"] == [("create_handover_link", "201", link)]
    request = {"request_uuid": "$response.body#/id"}
    assert links()["get_request"] == [("send_request", status, request) for status in ("200", "202")]
    delivery = {"delivery_id": "$response.body#/id"}
    assert links()["get_delivery"] == [("test_webhook_endpoint", "200", delivery)]
