"""The fields of each message between a POS and the portal, in the order of the documentation.

The first two messages are in PowerEPOS's specification (SPEC). The third has a page in PowerEPOS's documentation
(SEEN). The page of the fourth could not be read, so the portal knows only the fields in three published examples.
"""

from integrations.wire.payloads.field import OBJECT, STRING, WHOLE, Field, nullable, optional, required
from integrations.wire.payloads.request_models import MODELS

AUTH_REQUEST, AUTH_ANSWER = "OrderNPayAuthTokenRequest", "OrderNPayAuthTokenResponse"
REQUEST, ANSWER = "OrderNPayWebsocketRequest", "OrderNPayWebsocketResponse"
PAYLOAD = "Payload"  # the field of REQUEST and ANSWER that depends on the message type

FRAMES: dict[str, tuple[Field, ...]] = {
    AUTH_REQUEST: (
        required("ProviderOutletID", STRING, "The outlet's ID in the provider's system.", 64),
        required("POSRemoteID", STRING, "PowerEPOS' ID of the outlet.", 128),
        required("AuthSecret", STRING, "The secret of this outlet.", 256),
    ),
    AUTH_ANSWER: (
        optional("AccessToken", STRING, "The token for the websocket, if the three values match."),
        optional("ErrorMessage", STRING, "Why not, otherwise."),
    ),
    REQUEST: (
        required(
            "RequestID",
            STRING,
            "Identifies the request. A repetition of the request has the same one, so the POS can recognise it.",
            256,
        ),
        required("ProviderID", WHOLE, "The setting `PROVIDER_ID`."),
        required("ProviderName", STRING, "The setting `PROVIDER_NAME`.", 64),
        required("DeviceID", STRING, "The device that asks: `device_id` in the API.", 64),
        Field(
            "UserIdentifier",
            STRING,
            "The PIN or the POS's ID of the person: `user_identifier` in the API. Null for GetUserFromPIN.",
            required=True,
            nullable=True,
            limit=36,
        ),
        required("MessageType", WHOLE, "What the POS is to do."),
        required(PAYLOAD, OBJECT, "The details, forwarded byte for byte."),
    ),
    ANSWER: (
        required("RequestID", STRING, "The same as in the request: the portal matches the answer by it.", 256),
        required("ResultCode", WHOLE, "0: success. Any other number is a refusal."),
        nullable("ErrorMessage", STRING, "The text of a refusal."),
        optional("MessageType", WHOLE, "The same as in the request. The portal ignores it."),
        nullable(PAYLOAD, OBJECT, "The result. A refusal may have one, too."),
    ),
}

# The documented MessageType number of each request model; None if the number is not known.
NUMBERS: dict[str, int | None] = dict.fromkeys(model for model in MODELS if model.endswith("Request")) | {
    "OrderNPayGetUserFromPINRequest": 0,
    "OrderNPayGetOpenOrdersRequest": 1,
    "OrderNPayUpdateOrderRequest": 12,
}
