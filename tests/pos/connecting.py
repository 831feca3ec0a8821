"""A base class for tests in which a POS opens a websocket to the complete application."""

from integrations.models import Integration
from integrations.pos import tokens
from integrations.pos.tokens import Token
from integrations.relay import runtime
from integrations.relay.sockets.registry import Live
from tests.support.factories import Enabled, make_enabled_outlet
from tests.support.in_process import InProcess


def token_for(enabled: Enabled) -> str:
    integration = Integration.objects.get(pk=enabled.integration.pk)
    return tokens.issue(Token(integration.pk, integration.current_credential().pk, integration.generation))


async def the_live() -> Live:
    (live,) = (await runtime.running()).registry
    return live


class Connecting(InProcess):
    def setUp(self) -> None:
        self.harbour = make_enabled_outlet()
        self.token = token_for(self.harbour)
