"""Keeps secrets out of everything that is logged, whoever logs it.

The access token is in the websocket's URL because the protocol wants it there, and servers log URLs. So the
redaction works on the finished line: message, arguments, exception and stack alike.
"""

import logging

from integrations.redaction import printable, redact


class RedactingFormatter(logging.Formatter):
    """Formats a record on one line per event, with secrets, tokens and PINs replaced."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        # A line end that came with a value must not begin a line of its own; a traceback's do.
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return redact(printable(line, len(line)))  # an escape sequence that a client sent must not reach a terminal
