"""No logger writes a secret or a token to the log, whatever form the message has."""

import contextvars
import json
import logging
import logging.config
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from integrations.backend.base import correlation
from integrations.security.redaction import REDACTED
from portal.environment import log_format_here
from portal.serving.server import create_server
from portal.web.logs import PERIOD, SAMPLED, OnePerPeriod, RedactingFormatter, RedactingJsonFormatter, SamplingHandler

SECRET = "ONPS-17940-1EV50-X709W-G7FK3-HMBW1-3ZCEY-F9S4X"
TOKEN = "WzE1LDE2LDNd.1xVgQc.5lhE9gQbYmZrxWcDTPLi9WTCTmkMPA-GC4_uXJk0i98"


@pytest.fixture
def written() -> Iterator[StringIO]:
    """Yield the output of a separate logger with the text formatter."""
    yield from _writing(RedactingFormatter())


logger = logging.getLogger("tests.logs")


def fail_with(text: str) -> None:
    raise ValueError(text)


def test_a_token_in_the_message_is_redacted(written: StringIO) -> None:
    logger.warning(f"GET /?token={TOKEN}")  # noqa: G004  (others write so)
    assert TOKEN not in written.getvalue()
    assert REDACTED in written.getvalue()


def test_a_token_in_the_arguments_is_redacted(written: StringIO) -> None:
    logger.warning('%s - "WebSocket %s" [accepted]', ("198.51.100.7", 1), f"/?token={TOKEN}")
    assert written.getvalue().endswith(f'- "WebSocket /?token={REDACTED}" [accepted]\n')


def test_a_token_that_only_the_formatted_message_contains_is_redacted(written: StringIO) -> None:
    logger.warning("GET /?token=%s", TOKEN)
    assert TOKEN not in written.getvalue()


def test_headers_as_bytes_are_redacted(written: StringIO) -> None:
    logger.warning("%r", [(b"authorization", f"Bearer {TOKEN}".encode())])
    assert TOKEN not in written.getvalue()


def test_a_secret_in_an_exception_is_redacted(written: StringIO) -> None:
    try:
        fail_with(f"no such secret: {SECRET}")
    except ValueError:
        logger.exception("It failed.")
    assert SECRET not in written.getvalue()
    assert "ValueError: no such secret: [redacted]" in written.getvalue()


def test_a_token_in_the_cause_of_an_exception_is_redacted(written: StringIO) -> None:
    try:
        try:
            fail_with(f"/?token={TOKEN}")
        except ValueError as error:
            raise RuntimeError("outer") from error
    except RuntimeError:
        logger.exception("It failed.")
    assert TOKEN not in written.getvalue()


def test_a_secret_in_the_source_line_of_a_stack_is_redacted(written: StringIO) -> None:
    logger.warning("Here.", stack_info=True, extra={"auth_secret": "ONPS-17940-1EV50-X709W-G7FK3-HMBW1-3ZCEY-F9S4X"})
    assert "Stack" in written.getvalue()
    assert SECRET not in written.getvalue()


def test_an_escape_sequence_that_a_client_sent_does_not_reach_the_terminal(written: StringIO) -> None:
    logger.warning("User-Agent: %s", "\x1b[2J\x1b]0;owned\x07\r\x9b")
    assert not set("\x1b\x07\r\x9b") & set(written.getvalue())


def test_a_client_cannot_forge_a_log_line(written: StringIO) -> None:
    logger.warning("User-Agent: %s", "x\n2026-03-01 12:00:00,000 ERROR portal: all is lost")
    assert not any(line.startswith("2026-03-01 12:00:00,000 ERROR portal") for line in written.getvalue().splitlines())


def test_a_line_has_the_time_the_level_and_the_logger(written: StringIO) -> None:
    logger.warning("Something.")
    assert written.getvalue().rstrip().endswith(" WARNING tests.logs: Something.")


def test_every_handler_of_the_settings_redacts() -> None:
    logging_of: Any = settings.LOGGING
    assert {handler["formatter"] for handler in logging_of["handlers"].values()} <= {"text", "json"}
    assert {each["()"] for each in logging_of["formatters"].values()} == {
        "portal.web.logs.RedactingFormatter",
        "portal.web.logs.RedactingJsonFormatter",
    }
    assert logging_of["disable_existing_loggers"] is False


def test_uvicorn_creates_no_access_log_lines() -> None:
    create_server()
    logging.config.dictConfig(settings.LOGGING)  # as Django does when the server loads the application
    assert logging.getLogger("uvicorn.access").propagate is False


def test_no_logger_of_the_process_has_a_handler_without_redaction() -> None:
    loggers = [each for each in logging.Logger.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    handlers = [handler for each in loggers for handler in each.handlers]
    of_pytest = [handler for handler in handlers if type(handler).__module__.startswith("_pytest.")]
    writing = [each for each in handlers if not isinstance(each, logging.NullHandler) and each not in of_pytest]
    assert [handler for handler in writing if not isinstance(handler.formatter, RedactingFormatter)] == []


@pytest.fixture
def written_json() -> Iterator[StringIO]:
    """Yield the output of a separate logger with the JSON formatter."""
    yield from _writing(RedactingJsonFormatter())


def test_a_json_line_has_the_time_the_level_and_the_logger(written_json: StringIO) -> None:
    logger.warning("Something of %s.", "note")
    line = json.loads(written_json.getvalue())
    assert line.keys() == {"time", "level", "logger", "message"}
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", "tests.logs", "Something of note.")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


def test_a_json_line_has_only_the_known_fields(written_json: StringIO) -> None:
    logger.warning("x", extra={"request_id": "R-1", "status": 200, "request": object(), "auth_secret": SECRET})
    line = json.loads(written_json.getvalue())
    assert (line["request_id"], line["status"]) == ("R-1", 200)
    assert "request" not in line
    assert "auth_secret" not in line


def test_a_traceback_stays_in_its_line_and_is_redacted(written_json: StringIO) -> None:
    try:
        fail_with(f"no such secret: {SECRET}")
    except ValueError:
        logger.exception("It failed.")
    line = json.loads(written_json.getvalue())
    assert written_json.getvalue().count("\n") == 1
    assert "ValueError: no such secret: [redacted]" in line["exc_info"]


def test_a_dictionary_logged_instead_of_a_message_is_redacted(written_json: StringIO) -> None:
    logger.warning({"auth_secret": SECRET, "exc_info": f"token={TOKEN}"})
    assert SECRET not in written_json.getvalue()
    assert TOKEN not in written_json.getvalue()
    json.loads(written_json.getvalue())


SPELLINGS = st.sampled_from(
    [
        "/?token={}",
        '{{"token": "{}"}}',
        '{{\\"AuthSecret\\": \\"{}\\"}}',
        "{{'password': '{}'}}",
        "Authorization: Bearer {}",
        "%7B%22token%22%3A{}",
        "pin={}&x=1",
        '"UserIdentifier" : "{}"',
    ]
)


@given(before=st.text(), spelled=SPELLINGS, after=st.text(), in_extra=st.booleans())
def test_redaction_keeps_json_valid_and_leaves_no_secret(before: str, spelled: str, after: str, in_extra: bool) -> None:
    text = before + " " + spelled.format(TOKEN) + " " + after
    record = logging.LogRecord("tests", logging.INFO, __file__, 1, "x" if in_extra else text, (), None)
    if in_extra:
        record.path = text
    line = RedactingJsonFormatter().format(record)
    assert isinstance(json.loads(line), dict)
    assert "\n" not in line
    assert TOKEN not in line
    assert json.loads(line)["logger"] == "tests"


def test_both_formats_show_the_id_of_the_call_that_a_line_belongs_to(
    written: StringIO,
) -> None:
    context = contextvars.copy_context()
    context.run(correlation.begin, {"headers": [(b"x-request-id", b"order-77")]})
    context.run(logger.warning, "Something.")
    assert written.getvalue().endswith("Something. correlation_id=order-77\n")


def test_a_line_shows_the_trace_of_its_call_unless_it_names_another_call(written: StringIO) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    context = contextvars.copy_context()
    context.run(correlation.begin, {"headers": [(b"x-request-id", b"order-77"), (b"traceparent", trace.encode())]})
    context.run(logger.warning, "Something.")
    assert written.getvalue().endswith(f"Something. correlation_id=order-77 traceparent={trace}\n")
    context.run(logger.warning, "Sent.", extra={"correlation_id": "order-78", "traceparent": ""})
    assert written.getvalue().endswith("Sent. correlation_id=order-78\n")


def test_the_format_is_text_while_debugging_and_json_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", StringIO())
    assert log_format_here(debug=False) == "json"
    assert log_format_here(debug=True) == "text"


def _writing(formatter: logging.Formatter) -> Iterator[StringIO]:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger("tests.logs")
    logger.addHandler(handler)
    logger.propagate = False
    yield stream
    logger.removeHandler(handler)
    logger.propagate = True


# --- Log lines that any caller can cause ---


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def sampling(clock: Clock) -> tuple[logging.Logger, StringIO]:
    """Return one of Django's loggers with the sampling handler, and its output."""
    stream = StringIO()
    handler = SamplingHandler(stream, clock)
    handler.setFormatter(RedactingFormatter())
    noisy = logging.Logger("django.security.DisallowedHost")  # noqa: LOG001  (of this test alone)
    noisy.addHandler(handler)
    return noisy, stream


def reject(noisy: logging.Logger, text: str = "Invalid HTTP_HOST header") -> None:
    try:
        fail_with(text)
    except ValueError as error:
        noisy.error(str(error), exc_info=error)


def test_an_error_caused_by_a_caller_is_one_short_warning() -> None:
    noisy, stream = sampling(Clock())
    reject(noisy, "x" * 5_000)
    (line,) = stream.getvalue().splitlines()
    assert " WARNING django.security.DisallowedHost: xxx" in line
    assert len(line) < 400


def test_a_flood_of_one_kind_is_sampled_and_the_next_line_says_how_many_were_left_out() -> None:
    clock = Clock()
    noisy, stream = sampling(clock)
    for _ in range(SAMPLED + 7):
        reject(noisy)
    assert len(stream.getvalue().splitlines()) == SAMPLED
    noisy.warning("Another kind")
    assert stream.getvalue().endswith("Another kind\n")
    clock.now = PERIOD
    reject(noisy)
    assert stream.getvalue().endswith("Invalid HTTP_HOST header (7 more like this were not logged.)\n")


def test_our_own_errors_keep_their_traceback_and_lines_below_warning_are_never_left_out() -> None:
    noisy, stream = sampling(Clock())
    noisy.name = "django.request"
    reject(noisy, "Internal Server Error")
    assert "Traceback" in stream.getvalue()
    for _ in range(SAMPLED + 7):
        noisy.info("API call answered.")
    assert stream.getvalue().count("answered") == SAMPLED + 7


def test_a_limited_logger_writes_each_warning_once_in_a_period() -> None:
    noisy, stream = sampling(Clock())
    noisy.addFilter(OnePerPeriod())
    for _ in range(5):
        reject(noisy)
    assert len(stream.getvalue().splitlines()) == 1


def test_a_refusal_by_a_view_is_not_an_error() -> None:
    noisy, stream = sampling(Clock())
    noisy.name = "django.request"
    noisy.error("Service Unavailable: %s", "/handover/")
    assert "WARNING django.request: Service Unavailable: /handover/" in stream.getvalue()


@pytest.mark.parametrize(("level", "ours", "theirs"), [("DEBUG", 10, 20), ("debug", 10, 20), ("WARNING", 30, 30)])
@pytest.mark.processes
def test_log_level_applies_only_to_the_portals_own_loggers(level: str, ours: int, theirs: int) -> None:
    names = ["django.template", "django.db.backends", "httpcore2", "urllib3", "redis", "asyncio", "allauth", "anything"]
    code = (
        "import django, logging; django.setup()\n"
        "print([logging.getLogger(each).getEffectiveLevel() for each in "
        f"{['integrations.relay', 'portal.serving.probes', *names]!r}])"
    )
    env = os.environ | {"LOG_LEVEL": level, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert json.loads(done.stdout) == [ours] * 2 + [theirs] * len(names)


@pytest.mark.processes
def test_an_unknown_log_level_is_named() -> None:
    env = os.environ | {"LOG_LEVEL": "LOUD", "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run([sys.executable, "manage.py", "check"], capture_output=True, text=True, env=env, check=False)
    assert done.returncode != 0
    assert "LOG_LEVEL must be" in done.stderr
