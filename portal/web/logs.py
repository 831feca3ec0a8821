"""Keeps secrets out of the log lines of every logger, in text for people or in JSON for machines.

The protocol puts the access token into the websocket's URL, and servers log URLs. The redaction therefore works on the
finished text: message, arguments, exception and stack. In JSON, each finished value is redacted before it is quoted. On
the quoted line, redaction would damage quotes and miss secrets that contain escaped characters.
"""

import logging
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter

from integrations.backend.base import correlation
from integrations.security.redaction import redact
from integrations.text.characters import printable
from integrations.text.moments import iso

# The fields that a line may have beside its message. All other attributes of a record are left out, because they were
# not checked for secrets; Django attaches whole requests.
EXTRA = (
    "correlation_id",
    "traceparent",
    "request_id",
    "message_type",
    "outlet",
    "method",
    "path",
    "status",
    "result_code",
    "milliseconds",
    "id",
    "error",
    "task",
    "count",
    "seconds",
    "endpoint",
    "host",
    "worker",
    "pid",
)
OURS = frozenset({"time", "level"})  # created here, and not from a client's input
SAMPLED = 20  # at most this many warnings and errors of one kind are written in each period
PERIOD = 60.0  # seconds
LONGEST_REJECTION = 300  # characters
LONGEST = 20_000  # characters of one value; enough for a traceback, but not for a large payload


class SamplingHandler(logging.StreamHandler[TextIO]):
    """Writes at most SAMPLED warnings and errors of one kind (one line of code) in each period.

    A record's attribute `most_in_a_period` overrides SAMPLED. The limit keeps a scanner from filling the log. The next
    line of the kind says how many were left out. Errors that Django logs although a caller caused them (a
    SuspiciousOperation with its traceback, a 503 that a view chose) become one line at warning level.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._clock = clock
        self._kinds: dict[tuple[str, int], _SampledKind] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            left_out = self._take(record)
            if left_out is None:
                return
            record = _as_callers_fault(record) if _is_callers_fault(record) else record
            if record.levelno < logging.root.level:
                return
            record = _with_count(record, left_out) if left_out else record
        super().emit(record)

    def _take(self, record: logging.LogRecord) -> int | None:
        """Return how many lines of this kind were left out since the last written line; None to leave this line out."""
        kind = self._kinds.setdefault((record.pathname, record.lineno), _SampledKind(self._clock()))
        if self._clock() - kind.since >= PERIOD:
            kind.since, kind.written = self._clock(), 0
        if kind.written >= getattr(record, "most_in_a_period", SAMPLED):
            kind.left_out += 1
            return None
        left_out, kind.left_out = kind.left_out, 0
        kind.written += 1
        return left_out


class OnePerPeriod(logging.Filter):
    """Limits each kind of a logger's warnings to one line in each period."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.most_in_a_period = 1
        return True


@dataclass
class _SampledKind:
    since: float
    written: int = 0
    left_out: int = 0


class RedactingFormatter(logging.Formatter):
    """Formats a record as one line, followed by any traceback, with secrets, tokens and PINs replaced."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        line = " ".join([super().formatMessage(record), *(f"{name}={value}" for name, value in _extra(record).items())])
        # A line break in a value must not start a new line; the line breaks of a traceback may.
        return line.replace("\r", "\\r").replace("\n", "\\n")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return redact(printable(line, len(line)))  # a client's escape sequences must not reach a terminal


class RedactingJsonFormatter(JsonFormatter):
    """Formats a record as one JSON object on one line, with secrets, tokens and PINs replaced in every value."""

    def __init__(self) -> None:
        super().__init__()

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Collect the fields; `message_dict` holds traceback and stack, or a dictionary logged instead of a message."""
        log_data["time"] = iso(datetime.fromtimestamp(record.created, UTC), "milliseconds")
        log_data["level"], log_data["logger"] = record.levelname, record.name
        log_data["message"] = record.message or str(record.msg)
        log_data |= {name: message_dict[name] for name in ("exc_info", "stack_info") if name in message_dict}
        log_data |= _extra(record)

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {name: value if name in OURS else _clean(value) for name, value in log_data.items()}


def _is_callers_fault(record: logging.LogRecord) -> bool:
    if record.name.startswith("django.security"):
        return True
    return record.name == "django.request" and not record.exc_info


def _as_callers_fault(record: logging.LogRecord) -> logging.LogRecord:
    changed = copy(record)
    changed.levelno, changed.levelname = logging.WARNING, "WARNING"
    changed.exc_info = changed.exc_text = changed.stack_info = None
    changed.msg, changed.args = record.getMessage()[:LONGEST_REJECTION], ()
    return changed


def _with_count(record: logging.LogRecord, left_out: int) -> logging.LogRecord:
    changed = copy(record)
    changed.msg, changed.args = f"{record.getMessage()} ({left_out} more like this were not logged.)", ()
    return changed


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    found = {name: value for name in EXTRA if (value := getattr(record, name, "")) not in ("", None)}
    if "correlation_id" not in found and (correlation_id := correlation.current()):
        traced = {"traceparent": traceparent} if (traceparent := correlation.traceparent()) else {}
        found = {"correlation_id": correlation_id, **traced, **found}
    return found


def _clean(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    # Redact with a margin before truncating, because a truncated secret would not be recognised.
    text = redact(printable(str(value), 2 * LONGEST))
    return text[:LONGEST]
