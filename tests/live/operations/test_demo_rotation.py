"""When a demo user rotates an outlet's secret, the simulated POS reconnects with the new one."""

from functools import partial

from tests.live.conftest import NewStack
from tests.live.stack.servers import Stack
from tests.live.stack.waiting import eventually

HARBOUR = "demo-harbour"
USED = """
SELECT count(*) FROM integrations_credential AS credential
JOIN integrations_integration AS integration ON integration.id = credential.integration_id
JOIN integrations_outlet AS outlet ON outlet.id = integration.outlet_id
WHERE outlet.provider_outlet_id = ? AND credential.last_used_at IS NOT NULL
"""


def test_the_pos_of_a_demo_outlet_reconnects_after_a_rotation(new_stack: NewStack) -> None:
    stack = new_stack("serve", options=["--demo"])
    for secrets in (1, 2, 3):
        eventually(partial(has_used, stack, secrets), timeout=30, what="the demo's POS has authenticated")
        done = stack.manage("rotate_secret", HARBOUR)
        assert done.returncode == 0, done.stderr


def has_used(stack: Stack, secrets: int) -> bool:
    ((count,),) = stack.rows(USED, HARBOUR)
    return count == secrets
