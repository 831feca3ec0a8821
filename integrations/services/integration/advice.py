"""What to do about each refusal of a till and each end of a connection. These functions do no I/O.

The texts are for the person on site, and for the member of staff who reads the page. The outlet check and the page of
one attempt use the same texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from integrations.models import Credential
from integrations.models.attempt import UNDECIDED, Outcome
from integrations.models.connection import CloseReason
from integrations.services.errors import Remedy
from integrations.services.handover.handover import auth_url, websocket_url
from integrations.services.integration.waits import LONGEST_MINUTES

RECONNECTS = "Nothing has to be done: the POS reconnects automatically within a minute."
CONNECT_AGAIN = "Let PowerEPOS connect again."
CHANGE_NOTHING = "Change nothing yet: the portal refuses this till until it is enabled again."
WAIT = f"The wait is {LONGEST_MINUTES} minutes at most."
ENABLE_AGAIN = "Enable it again. Its POS can then connect with its current secret."


@dataclass(frozen=True)
class Advice:
    """What to do: `tell` is for the person on site; `here` and `remedies` are for the staff who read the page."""

    tell: str
    here: str = ""
    remedies: tuple[Remedy, ...] = ()


def advice_on(outcome: Outcome, *, shown: str) -> Advice:
    """Return the advice on a refused authentication of an outlet whose current secret begins with `shown`."""
    found = _AT_AUTH.get(outcome, Advice(CONNECT_AGAIN))
    return replace(found, tell=found.tell.format(shown=shown, auth_url=auth_url(), websocket_url=websocket_url()))


def advice_on_handshake(outcome: Outcome) -> Advice:
    """Return the advice on a refused websocket handshake."""
    return _AT_WEBSOCKET.get(outcome, Advice(CONNECT_AGAIN))


def advice_on_ending(reason: CloseReason) -> Advice:
    """Return the advice on a connection that ended for this reason."""
    return Advice(_ENDINGS.get(reason, RECONNECTS))


def remedy_of_lost_secret(current: Credential, older: Credential | None) -> Remedy:
    """Return the next action to replace a lost secret. `older` is the old secret while it is still valid, or None."""
    if older is None:
        return Remedy.ROTATE
    return Remedy.END_OVERLAP if current.last_used_at else Remedy.REPLACE_SECRET


# During an overlap a rotation would be refused. If the advice is to rotate, one of these notes is added.
NOTES_ON_OVERLAP: Mapping[Remedy, str] = {
    Remedy.REPLACE_SECRET: "The old secret is still valid: replace the new one, which no POS has used yet.",
    Remedy.END_OVERLAP: "The old secret is still valid: end its overlap first.",
}

_ROTATE = (Remedy.ROTATE,)
_AT_AUTH: Mapping[Outcome, Advice] = {
    Outcome.MALFORMED: Advice(
        "Check that the ProviderOutletID, the POSRemoteID and the AuthSecret are filled in. If they are, ask PowerEPOS "
        "support: the till's request does not have the documented format.",
        "The portal checked nothing else. The detail of the attempt says what is wrong with the request.",
    ),
    Outcome.WRONG_PATH: Advice(
        f"Correct the AuthURL: it is exactly {{auth_url}} {CONNECT_AGAIN}",
        "The portal checked nothing else: the request did not reach the authentication endpoint.",
    ),
    Outcome.WRONG_SECRET: Advice(
        f"Enter the AuthSecret again: it begins with {{shown}}. {CONNECT_AGAIN}",
        "If the secret is lost, rotate it and hand over the new one.",
        _ROTATE,
    ),
    Outcome.RETIRED_SECRET: Advice(
        f"The till has a secret that was replaced. Enter the new one, which begins with {{shown}}. {CONNECT_AGAIN}",
        "If the new secret is lost, rotate again and hand over the newest one.",
        _ROTATE,
    ),
    Outcome.MISTYPED_SECRET: Advice(
        f"Enter the AuthSecret again: it has a wrong letter or digit. It begins with {{shown}}. {CONNECT_AGAIN}",
        "If the secret is lost, rotate it and hand over the new one.",
        _ROTATE,
    ),
    Outcome.UNKNOWN_KEY: Advice(
        "Change nothing on the till yet: you will get a new secret.",
        "The secret was stored with a server key that is no longer configured: rotate it and hand over the new one.",
        _ROTATE,
    ),
    Outcome.DISABLED: Advice(CHANGE_NOTHING, ENABLE_AGAIN, (Remedy.REENABLE,)),
    Outcome.THROTTLED: Advice(
        f"Stop trying, and correct the AuthSecret first: it begins with {{shown}}. {WAIT}",
        "Any change to this outlet's integration in the portal, such as a rotation, ends the wait at once.",
        (Remedy.END_WAIT,),
    ),
    **dict.fromkeys(UNDECIDED, Advice(RECONNECTS)),
}
_AT_WEBSOCKET: Mapping[Outcome, Advice] = {
    Outcome.WRONG_PATH: Advice(f"Correct the WebsocketURL: it has no path after the host name. {CONNECT_AGAIN}"),
    Outcome.TOKEN_EXPIRED: Advice(f"{CONNECT_AGAIN} The till waited too long before it used its token."),
    Outcome.TOKEN_VOID: Advice(
        f"{CONNECT_AGAIN} The integration was changed in the portal while the till was connecting."
    ),
    Outcome.DISABLED: Advice(f"{CONNECT_AGAIN} The outlet was disabled at that moment."),
    Outcome.SECOND_TILL: Advice(
        "Another till has the same three values: remove them from one of the two.",
        "If you do not know the other till, rotate the secret.",
        _ROTATE,
    ),
}
_ENDINGS: Mapping[CloseReason, str] = {
    CloseReason.BY_POS: f"Is PowerEPOS running, and is Order N Pay enabled in it? {CONNECT_AGAIN}",
    CloseReason.LINK_LOST: "Check the till's internet connection: its cable, its Wi-Fi, the router.",
    CloseReason.REPLACED: "Another till has the same three values: remove them from one of the two.",
    CloseReason.CREDENTIAL_RETIRED: f"Enter the current AuthSecret. {CONNECT_AGAIN}",
    CloseReason.FLOODING: "Ask PowerEPOS support: the till sends more than it should.",
    CloseReason.TOO_LARGE: "Ask PowerEPOS support: the till sends larger messages than it should.",
    CloseReason.PROTOCOL_ERROR: "Ask PowerEPOS support: the till sends invalid websocket frames.",
    CloseReason.INVALID_TEXT: "Ask PowerEPOS support: the till sends text that is not valid UTF-8.",
}
