"""Settings of servers and a slow till, shared by the tests of relay faults."""

from integrations.simulator import Plan

ENV = {"AUTH_FAILURES_PER_ADDRESS": "1000000", "REQUEST_ANSWER_SECONDS": "15"}
SLOWLY = Plan(delay=(1.5, 1.5))
ORDER = "an-order"
