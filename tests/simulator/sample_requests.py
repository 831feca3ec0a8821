"""Requests to the simulated POS, the parts of its answers that tests read, and its credentials."""

import json
from typing import Any

from integrations.simulator.example import MANAGER
from tests.support.servers.simulator_portal import SECRET

PIN_REQUEST = {
    "RequestID": "60a6f3c4-4043-49a2-b317-8807b77d9685",
    "ProviderID": 12345,
    "ProviderName": "Example Provider",
    "DeviceID": "DeviceABC123",
    "UserIdentifier": None,
    "MessageType": 0,
    "Payload": {"PIN": "1234"},
}
ORDERS_REQUEST = PIN_REQUEST | {
    "RequestID": "593c1c6d-4c8f-4507-96e0-b6a0b5e8071f",
    "UserIdentifier": MANAGER.user_id,
    "MessageType": 1,
    "Payload": {"ServiceModeEntityID": "", "UserOrdersOnly": False},
}


def order_numbers(answered: dict[str, Any]) -> list[str]:
    return [order["OrderNumberOpened"] for order in answered["Payload"]["Orders"]]


def credentials_json(**changes: Any) -> str:
    values = {
        "ProviderOutletID": "outlet-1",
        "POSRemoteID": "TestOrg-1",
        "AuthSecret": SECRET,
        "AuthURL": "https://orders.example.com/api/powerepos/v1/auth",
        "WebsocketURL": "wss://orders.example.com",
    }
    return json.dumps({key: value for key, value in (values | changes).items() if value is not ...})
