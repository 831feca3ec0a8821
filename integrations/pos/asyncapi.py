"""Describes the portal's interface for POSes in AsyncAPI 3: authentication, websocket, all frames, close codes."""

from collections.abc import Iterator
from typing import Any

from integrations.pos.close_codes import CLOSE_CODES, LIBRARY_CLOSE_CODES
from integrations.wire.endpoints import AUTH_PATH
from integrations.wire.payloads.answer_models import ALL_MODELS, answer_model, result_codes_in_words, type_name
from integrations.wire.payloads.examples import EXAMPLES
from integrations.wire.payloads.frames import ANSWER, AUTH_ANSWER, AUTH_REQUEST, FRAMES, NUMBERS, PAYLOAD, REQUEST
from integrations.wire.payloads.json_schema import json_schema, or_null, reference

Described = dict[str, Any]

TITLE = "Order N Pay: the POS's side"
ABOUT = (
    "A POS exchanges three values for an access token and opens a websocket with it. The portal then sends requests, "
    "and the POS sends an answer to each. PowerEPOS documents no message that a POS starts."
)
OTHER = "Other"  # stands for every message type that is not documented


def document() -> Described:
    """Return the AsyncAPI document. It does not depend on this installation's settings."""
    return {
        "asyncapi": "3.1.0",
        "info": {"title": TITLE, "version": "1", "description": ABOUT},
        "defaultContentType": "application/json",
        "servers": {
            "http": _server("https", "The endpoint for authentication."),
            "websocket": _server("wss", "The websocket, at the root of the host."),
        },
        "channels": {"authentication": _authentication(), "socket": _socket()},
        "operations": _operations(),
        "components": {
            "messages": dict(_messages()),
            "schemas": {name: json_schema(name) for name in (*FRAMES, *ALL_MODELS)},
        },
    }


def _server(protocol: str, description: str) -> Described:
    host = {"default": "portal.example.com", "description": "The portal's host, which the provider gives you."}
    return {"host": "{host}", "protocol": protocol, "description": description, "variables": {"host": host}}


def _authentication() -> Described:
    return {
        "address": AUTH_PATH,
        "servers": [{"$ref": "#/servers/http"}],
        "messages": {name: _message(name) for name in (AUTH_REQUEST, AUTH_ANSWER)},
    }


def _socket() -> Described:
    token = {"type": "string", "description": "The access token. It may be sent as Authorization: Bearer instead."}
    query = {"type": "object", "properties": {"token": token}}
    return {
        "address": "/",
        "servers": [{"$ref": "#/servers/websocket"}],
        "description": "By default, the portal sends a ping every 30 s (`POS_PING_INTERVAL`), which the POS must "
        "answer within 20 s (`POS_PING_TIMEOUT`).",
        "messages": {name: _message(name) for name in (*_names(REQUEST), *_names(ANSWER))},
        "bindings": {"ws": {"method": "GET", "query": query}},
        "x-close-codes": [
            {"name": reason.value, "code": code.default, "meaning": code.meaning, "reconnect": code.reconnects}
            for reason, code in (CLOSE_CODES | LIBRARY_CLOSE_CODES).items()
        ],
    }


def _operations() -> Described:
    authentication, socket = "#/channels/authentication", "#/channels/socket"
    return {
        "authenticate": {
            "action": "receive",
            "summary": "Exchange the three values for an access token.",
            "channel": {"$ref": authentication},
            "messages": [{"$ref": f"{authentication}/messages/{AUTH_REQUEST}"}],
            "bindings": {"http": {"method": "POST"}},
            "reply": {
                "channel": {"$ref": authentication},
                "messages": [{"$ref": f"{authentication}/messages/{AUTH_ANSWER}"}],
            },
        },
        "ask": {
            "action": "send",
            "summary": "Ask the POS; it answers with the same RequestID.",
            "channel": {"$ref": socket},
            "messages": [{"$ref": f"{socket}/messages/{name}"} for name in _names(REQUEST)],
            "reply": {
                "channel": {"$ref": socket},
                "messages": [{"$ref": f"{socket}/messages/{name}"} for name in _names(ANSWER)],
            },
        },
    }


def _names(frame: str) -> list[str]:
    """Return the names of the requests or answers: one for each documented message type, and one for any other type."""
    kind = "Request" if frame == REQUEST else "Answer"
    return [f"{type_name(model)}{kind}" for model in EXAMPLES] + [f"{OTHER}{kind}"]


def _messages() -> Iterator[tuple[str, Described]]:
    yield from ((name, {"title": name, "payload": reference(name)}) for name in (AUTH_REQUEST, AUTH_ANSWER))
    for model, name, answer in zip(EXAMPLES, _names(REQUEST), _names(ANSWER), strict=False):
        number = NUMBERS[model]
        yield name, _described(name, REQUEST, number, reference(model))
        yield answer, _described(answer, ANSWER, number, or_null(reference(answer_model(model))))
    yield f"{OTHER}Request", {"title": "A request of another type", "payload": reference(REQUEST)}
    yield f"{OTHER}Answer", {"title": "An answer of another type", "payload": reference(ANSWER)}


def _described(name: str, frame: str, number: int | None, payload: Described) -> Described:
    known = "The number is not known." if number is None else f"MessageType {number}."
    fields: Described = {PAYLOAD: payload} | ({"MessageType": {"const": number}} if number is not None else {})
    return {
        "title": name,
        "summary": known if frame == REQUEST else f"{known} ResultCode {result_codes_in_words()}",
        "payload": {"allOf": [reference(frame), {"type": "object", "properties": fields}]},
    }


def _message(name: str) -> Described:
    return {"$ref": f"#/components/messages/{name}"}
