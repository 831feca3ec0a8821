"""Teaches daphne to say why it ends a connection.

Its websocket library drops the link by default when a peer breaks a rule (an over-long frame, bad UTF-8), where RFC
6455 asks for a close frame with the reason's code; daphne has no option for it.
"""

import sys


def send_close_frames() -> None:
    """Make daphne, if that is the server we run in, close with 1009, 1007 or 1002 instead of dropping the link."""
    module = sys.modules.get("daphne.ws_protocol")
    if module is None:
        return
    factory = module.WebSocketFactory
    reset = factory.resetProtocolOptions

    def reset_protocol_options(self: object) -> None:
        reset(self)
        self.failByDrop = False  # type: ignore[attr-defined]

    factory.resetProtocolOptions = reset_protocol_options
