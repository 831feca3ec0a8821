"""Secrets are never stored or logged in plain text."""

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.security import redaction
from integrations.security.redaction import REDACTED, redact
from integrations.text.characters import printable

SECRET = "ONPS-17940-1EV50-X709W-G7FK3-HMBW1-3ZCEY-F9S4X"
TOKEN = "WzE1LDE2LDNd.1xVgQc.5lhE9gQbYmZrxWcDTPLi9WTCTmkMPA-GC4_uXJk0i98"


@pytest.mark.parametrize(
    "line",
    [
        f"GET /?token={TOKEN} HTTP/1.1",
        f"GET /?a=b&token={TOKEN}&c=d",
        f"GET /?access_token={TOKEN}",
        f"GET /?TOKEN={TOKEN}",
        f"Authorization: Bearer {TOKEN}",
        f"authorization: bearer {TOKEN}",
        f'{{"AccessToken": "{TOKEN}"}}',
        f"{{'accessToken':'{TOKEN}'}}",
        f"(b'authorization', b'Bearer {TOKEN}')",
        f"GET /?token%3D{TOKEN}",
        f"GET /%3Ftoken={TOKEN}",
        f"'query_string': b'token={TOKEN}'",
    ],
)
def test_an_access_token_is_redacted_anywhere_in_a_line(line: str) -> None:
    assert TOKEN not in redact(line)


@pytest.mark.parametrize(
    "line",
    [
        f'{{"AuthSecret": "{SECRET}"}}',
        f'{{"authSecret":"{SECRET}"}}',
        f"secret {SECRET} was wrong",
        f"secret {SECRET.lower()} was wrong",
        f"secret {SECRET.replace('-', '')} was wrong",
        f"secret {SECRET.replace('-', ' ')} was wrong",
        f"--auth-secret {SECRET}",
        f"/{SECRET}/",
    ],
)
def test_a_generated_secret_is_redacted_even_without_a_name_before_it(line: str) -> None:
    redacted = redact(line).upper().replace("-", "").replace(" ", "")
    assert SECRET[10:].replace("-", "") not in redacted


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ('{"AuthSecret": "sharedS3cr3t!"}', "sharedS3cr3t!"),
        ('{"AuthSecret": "with \\"quotes\\" inside"}', "inside"),
        ('{"AuthSecret": "cut off at the en', "cut off"),
        ('{"auth_secret": "sharedS3cr3t!"}', "sharedS3cr3t!"),
        ("password=hunter2", "hunter2"),
        ('{"PIN": "1234"}', "1234"),
        ('{"pin": 1234}', "1234"),
        ("pin=1234&x=1", "1234"),
        ("HandOver(auth_secret='sharedS3cr3t!')", "sharedS3cr3t!"),
        ('{"Payload": "{\\"PIN\\": \\"1234\\"}"}', "1234"),
        ('"UserIdentifier": "1234"', "1234"),
    ],
)
def test_a_value_after_a_secret_name_is_redacted(line: str, hidden: str) -> None:
    assert hidden not in redact(line)
    assert REDACTED in redact(line)


def test_the_public_part_of_a_secret_may_stay() -> None:
    assert redact(f"{SECRET[:10]} was retired") == f"{SECRET[:10]} was retired"


def test_the_text_around_a_token_stays_readable() -> None:
    assert redact(f"GET /?a=b&token={TOKEN}&c=d 401") == f"GET /?a=b&token={REDACTED}&c=d 401"


@pytest.mark.parametrize("line", ["spinning", "shopping: 3", "a token of thanks", "the tokenizer: fast", "hello"])
def test_a_line_without_secrets_stays_as_it_is(line: str) -> None:
    assert redact(line) == line


@given(st.text())
def test_redacting_a_second_time_changes_nothing(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(
    st.sampled_from(["AuthSecret", "AccessToken", "Password", "PIN", "token"]),
    st.text(min_size=4, alphabet=st.characters(min_codepoint=33, max_codepoint=0x2FF)),
)
@example("AuthSecret", 'a"\\b\\\\"cdefgh')
def test_the_value_of_a_secret_field_is_redacted_in_json_whatever_it_contains(name: str, value: str) -> None:
    text = json.dumps({"Before": 1, name: value, "After": 2}, ensure_ascii=False)
    assert redact(text) == f'{{"Before": 1, "{name}": {REDACTED}, "After": 2}}'


def test_a_long_text_is_redacted_quickly() -> None:
    for piece in ("token", "token=", "ONPS-", "bearer ", "'pin':\"", "ONPS-12345", "\\", 'pin="\\'):
        redact(piece * 20_000)


def test_printable_text_is_cut_and_holds_no_control_character_or_surrogate() -> None:
    assert printable("a\x00b\x1b[31m\ud800c", 5) == "a\ufffdb\ufffd["
    assert printable("tab\tand\nline", 99) == "tab\tand\nline"


@given(st.text(alphabet=st.characters(), max_size=50), st.integers(0, 60))
def test_printable_text_can_be_stored_and_shown(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    shown.encode()
    assert "\x00" not in shown


def test_a_long_run_of_backslashes_is_searched_quickly() -> None:
    text = "\\" * 300_000  # a quadratic search would take hours
    assert redact(text) == text


@given(st.text(alphabet=st.sampled_from("ONPonp0-=:% \"'bBearERtokenpi\n1234A\u0130\u017f")))
def test_the_quick_check_before_each_pattern_does_not_change_the_result(text: str) -> None:
    slowly = redaction._GENERATED.sub(REDACTED, text)
    slowly = redaction._WEBHOOK.sub(REDACTED, slowly)
    slowly = redaction._BEARER.sub(rf"\1{REDACTED}", slowly)
    slowly = redaction._WORDED.sub(rf"\1{REDACTED}", slowly)
    assert redact(text) == redaction._NAMED.sub(rf"\1{REDACTED}", slowly)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("no route to redis://:hunter2@10.0.0.1/0.", f"no route to redis://:{REDACTED}@10.0.0.1/0."),
        ("smtp+tls://me:p%40ss@mail:587", f"smtp+tls://me:{REDACTED}@mail:587"),
        ("postgres://me:p@s/s@db/x", f"postgres://me:{REDACTED}@db/x"),
        ("https://a:80/x, a@b", "https://a:80/x, a@b"),
        ("https://host:443/path", "https://host:443/path"),
    ],
)
def test_the_password_in_a_url_is_redacted(text: str, redacted: str) -> None:
    assert redact(text) == redacted


def test_many_beginnings_of_urls_are_searched_quickly() -> None:
    text = "://a:" * 40_000 + "@"
    began = time.perf_counter()
    redact(text)
    assert time.perf_counter() - began < 5


def test_the_secret_of_a_webhook_is_redacted() -> None:
    assert redact("signed with whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD/== today") == "signed with [redacted] today"


@pytest.mark.parametrize(
    "text",
    [
        'null value in column "x"\nDETAIL:  Failing row contains (1, {"a": "mar)ker",\n"b": 2}, null).\nCONTEXT: x',
        "DETAIL:  Key (name, other)=(marker, b) already exists.",
        'DETAIL:  Key (lower(name::text))=(marker) is not present in table "x".',
        "DETAIL:  Failing row contains (cut off at mar",
    ],
)
def test_the_row_that_a_database_quotes_in_its_error_is_redacted(text: str) -> None:
    assert "mar" not in redact(text)
    assert redact(redact(text)) == redact(text)
    assert redact(text).startswith(text[:8])
