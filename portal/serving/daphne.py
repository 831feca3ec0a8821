"""Patches daphne where daphne's options do not cover the portal's needs. Does nothing on another server."""

import sys
from types import ModuleType
from typing import Any

from integrations.security.redaction import redact
from integrations.wire.security_headers import SECURITY_HEADERS, DefaultHeaders


def adapt_daphne() -> None:
    """Patch daphne, if it is the running server.

    It then sends close frames with a code, keeps tokens out of its access log, and adds the portal's security headers
    to its own answers.
    """
    if protocol := sys.modules.get("daphne.ws_protocol"):
        _send_close_frames(protocol)
        _secure_refused_handshakes(protocol)
    if protocol := sys.modules.get("daphne.http_protocol"):
        _secure_answers(protocol)
    if access := sys.modules.get("daphne.access"):
        _redact_access_log(access)


def _send_close_frames(module: ModuleType) -> None:
    # When a peer violates the protocol (an over-long frame, invalid UTF-8), daphne's websocket library drops the
    # connection. RFC 6455 requires a close frame with the code of the reason: 1009, 1007 or 1002.
    factory = module.WebSocketFactory
    reset = factory.resetProtocolOptions

    def reset_protocol_options(self: Any) -> None:
        reset(self)
        self.failByDrop = False

    factory.resetProtocolOptions = reset_protocol_options


def _secure_refused_handshakes(module: ModuleType) -> None:
    protocol = module.WebSocketProtocol
    send = protocol.sendHttpErrorResponse

    def send_refusal(self: Any, code: int, reason: str, headers: Any = None) -> None:
        own = [(name.decode(), value.decode()) for name, value in SECURITY_HEADERS]
        send(self, code, reason, [*(headers or ()), *own, ("Content-Length", "0")])

    protocol.sendHttpErrorResponse = send_refusal


def _secure_answers(module: ModuleType) -> None:
    request = module.WebRequest
    reply = request.handle_reply

    def handle_reply(self: Any, message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": DefaultHeaders([]) + list(message.get("headers", ()))}
        reply(self, message)

    request.handle_reply = handle_reply


def _redact_access_log(module: ModuleType) -> None:
    # The access log goes straight to standard output and so bypasses the redaction in `logging`. It would contain
    # query strings, and they hold the tokens of POSes or the search terms of staff.
    generator = module.AccessLogGenerator
    write = generator.write_entry

    def write_entry(self: Any, host: Any, date: Any, request: str, *args: Any, **kwargs: Any) -> None:
        write(self, host, date, redact(request.partition("?")[0]), *args, **kwargs)

    generator.write_entry = write_entry
