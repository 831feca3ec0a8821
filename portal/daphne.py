"""Makes up for what daphne has no options for. Nothing here does anything on another server."""

import sys
from types import ModuleType
from typing import Any

from integrations.redaction import redact


def adapt_daphne() -> None:
    """Let daphne, if that is the server we run in, say why it closes a connection, and keep tokens out of its log."""
    if protocol := sys.modules.get("daphne.ws_protocol"):
        _send_close_frames(protocol)
    if access := sys.modules.get("daphne.access"):
        _redact_access_log(access)


def _send_close_frames(module: ModuleType) -> None:
    # Its websocket library drops the link when a peer breaks a rule (an over-long frame, bad UTF-8), where RFC 6455
    # asks for a close frame with the reason's code: 1009, 1007 or 1002.
    factory = module.WebSocketFactory
    reset = factory.resetProtocolOptions

    def reset_protocol_options(self: Any) -> None:
        reset(self)
        self.failByDrop = False

    factory.resetProtocolOptions = reset_protocol_options


def _redact_access_log(module: ModuleType) -> None:
    # It writes straight to standard output, past logging and its redaction, and each path with its query string: the
    # token of a POS, or what staff look for.
    generator = module.AccessLogGenerator
    write = generator.write_entry

    def write_entry(self: Any, host: Any, date: Any, request: str, *args: Any, **kwargs: Any) -> None:
        write(self, host, date, redact(request.partition("?")[0]), *args, **kwargs)

    generator.write_entry = write_entry
