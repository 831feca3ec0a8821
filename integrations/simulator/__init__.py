"""A POS to try the portal with: it speaks HTTP and websocket only and imports nothing of the server.

Read `connection` first; `wire` has the names on the wire, `till` what the POS sells, `answers` joins the two.
"""

from integrations.simulator.background import BackgroundPos
from integrations.simulator.connection import RefusedError, SimulatedPos, Timing
from integrations.simulator.credentials import Credentials, WrongCredentialsError
from integrations.simulator.journal import Closure, Refusal

__all__ = [
    "BackgroundPos",
    "Closure",
    "Credentials",
    "Refusal",
    "RefusedError",
    "SimulatedPos",
    "Timing",
    "WrongCredentialsError",
]
