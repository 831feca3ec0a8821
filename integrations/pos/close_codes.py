"""The close codes of the POS's websocket: those that POS_CLOSE_CODES may override, and those of the websocket library.

PowerEPOS documents 1000 as the catch-all code; a POS that receives it may reconnect after a while (SEEN, Overview).
The rest of PowerEPOS's list could not be read, and how a POS reacts to an unknown code is not documented. So the server
closes with 1000 unless there was an error or reconnecting would do harm. It closes with the matching code of RFC 6455
after an error, and with a private code where reconnecting would do harm. It avoids 1012, which .NET's websocket client
treats as a protocol error.
"""

from dataclasses import dataclass

from django.conf import settings

from integrations.models.connection import CloseReason
from integrations.pos.messages import MAX_FRAME


@dataclass(frozen=True)
class CloseCode:
    """One way in which the server ends a connection."""

    default: int
    meaning: str
    reconnects: bool  # whether the POS should connect again


CLOSE_CODES: dict[CloseReason, CloseCode] = {
    CloseReason.REPLACED: CloseCode(4409, "A newer connection of the same outlet took over.", reconnects=False),
    CloseReason.DISABLED: CloseCode(1000, "The integration is disabled.", reconnects=True),
    CloseReason.CREDENTIAL_RETIRED: CloseCode(1000, "Authenticate again, with the new secret.", reconnects=True),
    CloseReason.DISCONNECTED: CloseCode(1000, "Disconnected by the provider.", reconnects=True),
    CloseReason.RESTART: CloseCode(1000, "The server is restarting.", reconnects=True),
    CloseReason.FLOODING: CloseCode(1008, "The POS sent too much.", reconnects=True),
    CloseReason.INVALID_TEXT: CloseCode(1007, "The POS sent text that is not valid UTF-8.", reconnects=True),
    CloseReason.INTERNAL: CloseCode(1011, "Internal error in the portal.", reconnects=True),
}

# The websocket library sends these (RFC 6455, 7.4.1), so POS_CLOSE_CODES cannot override them.
LIBRARY_CLOSE_CODES: dict[CloseReason, CloseCode] = {
    CloseReason.PROTOCOL_ERROR: CloseCode(1002, "The POS broke the websocket protocol.", reconnects=True),
    CloseReason.TOO_LARGE: CloseCode(
        1009, f"The POS sent a frame of more than {MAX_FRAME >> 20} MiB.", reconnects=True
    ),
}

ANYWHERE = 1000


def code_for(reason: CloseReason, *, only_private: bool = False) -> int:
    """Return the code to close with.

    Pass `only_private` for a server (daphne) that lets applications send only 1000 and 3000-4999. Other codes then
    become 1000.
    """
    code = settings.POS_CLOSE_CODES.get(reason.value, CLOSE_CODES[reason].default)
    return ANYWHERE if only_private and not 3000 <= code <= 4999 else code
