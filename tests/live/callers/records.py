"""The portal's records, read directly from the stack's database without Django."""

from tests.live.stack.servers import Credentials, Stack

ATTEMPTS = """
    SELECT outcome, address FROM integrations_authattempt
    WHERE door = %s AND provider_outlet_id = %s ORDER BY id
"""
INTEGRATION = """
    SELECT integrations_integration.id FROM integrations_integration
    JOIN integrations_outlet ON integrations_outlet.id = outlet_id WHERE provider_outlet_id = %s
"""
CONNECTION_FIELDS = (
    "opened_at",
    "closed_at",
    "close_code",
    "close_reason",
    "address",
    "user_agent",
    "frames_in",
    "frames_out",
    "stray_frames",
)
CONNECTIONS = (
    f"SELECT {', '.join(CONNECTION_FIELDS)} FROM integrations_connection"  # noqa: S608 (names of ours)
    " WHERE integration_id = %s ORDER BY opened_at"
)

Record = dict[str, object]


def integration_id(stack: Stack, outlet: Credentials) -> int:
    """The row id of the outlet's integration."""
    ((found,),) = stack.rows(INTEGRATION, outlet.provider_outlet_id)
    assert isinstance(found, int)
    return found


def auth_outcomes(stack: Stack, provider_outlet_id: str) -> list[str]:
    """The outcomes of the authentications under this ProviderOutletID, oldest first."""
    return [str(outcome) for outcome, _ in stack.rows(ATTEMPTS, "auth", provider_outlet_id)]


def auth_addresses(stack: Stack, provider_outlet_id: str) -> list[str]:
    """Return the client addresses of the authentications under this ProviderOutletID, oldest first."""
    return [str(address) for _, address in stack.rows(ATTEMPTS, "auth", provider_outlet_id)]


def handshake_outcomes(stack: Stack, user_agent: str) -> list[str]:
    """Return the reasons for which this client's handshakes were refused, oldest first."""
    query = "SELECT outcome FROM integrations_authattempt WHERE door = %s AND user_agent = %s ORDER BY id"
    return [str(outcome) for (outcome,) in stack.rows(query, "websocket", user_agent)]


def connections(stack: Stack, outlet: Credentials) -> list[Record]:
    """The outlet's connections, oldest first."""
    rows = stack.rows(CONNECTIONS, integration_id(stack, outlet))
    return [dict(zip(CONNECTION_FIELDS, row, strict=True)) for row in rows]


def close_reasons(stack: Stack, outlet: Credentials) -> list[str]:
    """Return the close reasons of the outlet's connections, oldest first; empty text for an open connection."""
    return [str(each["close_reason"]) for each in connections(stack, outlet)]


def is_online(stack: Stack, outlet: Credentials) -> bool:
    """Return the presence row's state, ignoring the lease of the process that wrote it."""
    query = "SELECT is_online FROM integrations_presence WHERE integration_id = %s"
    ((found,),) = stack.rows(query, integration_id(stack, outlet))
    return bool(found)


def unrecognised_frames(stack: Stack, outlet: Credentials) -> list[tuple[str, int, str]]:
    """Return kind, size and excerpt of the unrecognised frames, oldest first."""
    query = "SELECT kind, size, excerpt FROM integrations_strayframe WHERE integration_id = %s ORDER BY id"
    rows = stack.rows(query, integration_id(stack, outlet))
    return [(str(kind), int(str(size)), str(excerpt)) for kind, size, excerpt in rows]


def last_used(stack: Stack, outlet: Credentials) -> object:
    """Return the time of the last use of the outlet's current secret, or None."""
    query = "SELECT last_used_at FROM integrations_credential WHERE integration_id = %s AND is_current"
    ((found,),) = stack.rows(query, integration_id(stack, outlet))
    return found


def void_tokens(stack: Stack, outlet: Credentials) -> None:
    """Void the outlet's tokens in the database only, without notifying any server process."""
    stack.execute(
        "UPDATE integrations_integration SET generation = generation + 1, changed_at = CURRENT_TIMESTAMP WHERE id = %s",
        integration_id(stack, outlet),
    )
