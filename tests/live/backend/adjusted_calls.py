"""Gives generated calls the values of existing rows, so that the portal can accept them."""

import collections
import itertools
import random
from collections.abc import Callable
from typing import Any

from integrations.models.api_key import Scope
from tests.backend.operations import Operation

CHANGES_OUTLET = (Scope.OUTLETS_WRITE, Scope.HANDOVER_WRITE)
DISCONNECT = "disconnect_outlet"  # may use the online outlet, because its POS reconnects at once
DELETE_ENDPOINT = "delete_webhook_endpoint"
SEND = "send_request"
LONGEST = 1  # seconds that a call may wait for a POS
KEPT = 4  # rows of each kind to remember; few, so several calls use the same row

WAITING = {"message_type": 1, "device_id": "kiosk-1", "payload": {}, "mode": "async", "expires_in": 600}
OVERLAPPING = {"overlap": "24h"}

Row = dict[str, Any]  # the path parameters that identify a row
Post = Callable[[str, Any], dict[str, Any]]  # sends a body to a path of the API, and returns the answer


class Adjustment:
    """Adjusts generated calls: four of five get values of existing rows; a call that changes an outlet goes to `spare`.

    Because no such call goes to the `online` outlet, its POS stays connected. The links in the portal's answers
    show which rows exist. If a call needs a row in a certain state, `post` creates that row first: the generated
    calls alone might not create one for minutes. One webhook endpoint is never deleted.
    """

    def __init__(
        self, calls: dict[str, Operation], post: Post, *, online: str, spare: str, organisation: int, url: str
    ) -> None:
        self._calls, self._post = calls, post
        self._online, self._spare, self._organisation = online, spare, organisation
        self._endpoint = post("webhook-endpoints", {"name": "Kept", "url": url, "kinds": ["outlet.online"]})["id"]
        self._turns = itertools.count(1)
        self._random = random.Random(0)
        self._rows: dict[frozenset[str], collections.deque[Row]] = collections.defaultdict(
            lambda: collections.deque(maxlen=KEPT)
        )
        self._learn({"organisation_id": organisation})
        self._learn({"endpoint_id": self._endpoint})
        for outlet in (online, spare):
            self._learn({"provider_outlet_id": outlet})
        self._values: dict[str, Callable[[int], Any]] = {
            "organisation_id": lambda _: self._choose({"organisation_id"})["organisation_id"],
            "name": lambda turn: f"Row {turn}",
            "provider_outlet_id": lambda turn: f"row-{turn}",
            "pos_remote_id": lambda turn: f"P-{turn}",
            "reason": lambda _: "tested",
            "opening_hours": lambda _: "mon-fri 09:00-23:00",
            "time_zone": lambda _: "Europe/London",
            "url": lambda _: url,
            "overlap": lambda _: "24h",
        }

    def apply(self, case: Any) -> None:
        call, path = self._calls[case.operation.definition.raw["operationId"]], case.path_parameters
        if case.meta.generation.mode.is_positive and self._random.random() < 0.8:
            self._adjust(call, case)
        if call.id == SEND and isinstance(case.body, dict) and isinstance(case.body.get("timeout", LONGEST), int):
            case.body["timeout"] = min(case.body.get("timeout", LONGEST), LONGEST)
        if call.scope in CHANGES_OUTLET and call.id != DISCONNECT and path.get("provider_outlet_id") == self._online:
            path["provider_outlet_id"] = self._spare
        if call.id == DELETE_ENDPOINT and path.get("endpoint_id") == self._endpoint:
            path["endpoint_id"] = 0

    def learn(self, case: Any, response: Any) -> None:
        """Remember the rows that an answer links to, and forget a row that no longer exists."""
        name, path = case.operation.definition.raw["operationId"], case.path_parameters or {}
        if response.status_code == 404 or (self._calls[name].method == "DELETE" and response.status_code == 200):
            self._forget(path)
        if self._calls[name].method == "POST" and response.status_code < 300:
            found = case.operation.definition.raw["responses"].get(str(response.status_code), {})
            for link in found.get("links", {}).values():
                row = _row(link.get("parameters", {}), path, response.json())
                # Not every link gives a complete row: schemathesis adds links of another form.
                if row and None not in row.values():
                    self._learn(row)

    def _adjust(self, call: Operation, case: Any) -> None:
        turn = next(self._turns)
        if case.path_parameters:
            case.path_parameters |= self._choose(case.path_parameters.keys()) | self._prepared(call.id, turn)
        for name in (case.query or {}).keys() & {"cursor", "organisation_id"}:
            del case.query[name]
        if "Idempotency-Key" in (case.headers or {}):
            case.headers["Idempotency-Key"] = f"call {turn}"
        if call.id == DISCONNECT:
            case.path_parameters["provider_outlet_id"] = self._online
        if call.id == SEND:
            self._adjust_request(case)
        elif isinstance(case.body, dict):
            case.body.pop("adopted_secret", None)  # the portal refuses short secrets, and those of other outlets
            case.body |= {name: self._values[name](turn) for name in case.body.keys() & self._values.keys()}

    def _prepared(self, name: str, turn: int) -> Row:
        """Create the rows that the call needs, and return its path parameters; an empty dict if any row will do."""
        spare, endpoint = f"outlets/{self._spare}", f"webhook-endpoints/{self._endpoint}"
        match name:
            case "cancel_request":
                found = {"request_uuid": self._post(f"{spare}/requests", WAITING).get("id")}
            case "delete_outlet" | "enable_outlet":
                outlet = self._post("outlets", {"organisation_id": self._organisation, "name": f"New {turn}"})
                found = {"provider_outlet_id": outlet.get("provider_outlet_id")}
            case "end_outlet_overlap" | "replace_unused_outlet_secret":
                self._post(f"{spare}/rotate-secret", OVERLAPPING)
                found = {"provider_outlet_id": self._spare}
            case "end_webhook_endpoint_overlap":
                self._post(f"{endpoint}/rotate-secret", OVERLAPPING)
                found = {"endpoint_id": self._endpoint}
            case "get_delivery" | "replay_delivery":
                found = {"delivery_id": self._post(f"{endpoint}/test", {}).get("id")}
            case "revoke_handover_link":
                link = self._post(f"{spare}/handover-links", {})
                found = {"provider_outlet_id": self._spare, "link_id": link.get("id")}
            case _:
                found = {}
        return {} if None in found.values() else found

    def _adjust_request(self, case: Any) -> None:
        """Address the request to the outlet that is online, or let it wait at `spare`, whose POS is offline."""
        waits = self._random.random() < 0.5
        case.path_parameters["provider_outlet_id"] = self._spare if waits else self._online
        case.body |= {"validate": False, "user_identifier": None, "durable": True}
        if waits:
            case.body |= {"mode": "async", "expires_in": 600}

    def _choose(self, names: Any) -> Row:
        rows = self._rows[frozenset(names)]
        return dict(self._random.choice(rows)) if rows else {}

    def _learn(self, row: Row) -> None:
        rows = self._rows[frozenset(row)]
        if row not in rows:
            rows.append(row)

    def _forget(self, row: Row) -> None:
        rows = self._rows[frozenset(row)]
        kept = (self._online, self._spare, self._endpoint)
        if row in rows and not any(row.get(name) in kept for name in ("provider_outlet_id", "endpoint_id")):
            rows.remove(row)


def _row(parameters: dict[str, str], path: Row, content: Any) -> Row:
    """Return the values of a link's parameters, each from the answer's body or from the path of the call."""
    return {
        name: content.get(text.rpartition("#/")[2]) if "#/" in text else path.get(text.removeprefix("$request.path."))
        for name, text in parameters.items()
    }
