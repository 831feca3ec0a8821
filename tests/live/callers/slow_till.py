"""Settings for a server and for a slow till, which several tests of relay faults share."""

from integrations.simulator import Plan

ENV = {"AUTH_FAILURES_PER_ADDRESS": "1000000", "REQUEST_ANSWER_SECONDS": "15"}
SLOWLY = Plan(delay=(1.5, 1.5))
ORDER = "an-order"
