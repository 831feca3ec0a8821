"""A simulated POS to try the portal with. It uses only HTTP and the websocket, and imports nothing from the server.

Read `simulated_pos` first. `till_messages`, `order_requests` and `order_answers` define the names on the wire. `till`
implements the POS. `till_methods` maps messages to methods of the till, `desk` executes each request once and saves the
till, and `answering` sends the answers, or misbehaves as planned.
"""

from integrations.simulator.background_pos import BackgroundPos
from integrations.simulator.credentials import Credentials, WrongCredentialsError
from integrations.simulator.example import example_till
from integrations.simulator.fleet import Fleet
from integrations.simulator.journal import Closure, Refusal
from integrations.simulator.message_numbers import DEFAULT_NUMBERS, WrongNumbersError
from integrations.simulator.misbehaviour import Fault, Plan, WrongPlanError
from integrations.simulator.simulated_pos import RefusedError, SimulatedPos, Timing
from integrations.simulator.snapshot import WrongTillError
from integrations.simulator.till import Till
from integrations.simulator.till_file import load_till

__all__ = [
    "DEFAULT_NUMBERS",
    "BackgroundPos",
    "Closure",
    "Credentials",
    "Fault",
    "Fleet",
    "Plan",
    "Refusal",
    "RefusedError",
    "SimulatedPos",
    "Till",
    "Timing",
    "WrongCredentialsError",
    "WrongNumbersError",
    "WrongPlanError",
    "WrongTillError",
    "example_till",
    "load_till",
]
