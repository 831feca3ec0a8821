"""Tests the parsing of auth requests and the classification of frames, also with damaged and random input."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.models import Integration, Outlet
from integrations.models.attempt import UnrecognisedFrameKind
from integrations.pos.messages import (
    MAX_AUTH_BODY,
    MAX_CHECKED,
    MAX_LENGTHS,
    Malformed,
    kind_of_frame,
    read_auth_request,
)
from integrations.security.secret_digests import MAX_SECRET_LENGTH
from integrations.services.connections.authentication import Claim
from integrations.text.characters import code_and_name

GOOD = {"ProviderOutletID": "outlet-1", "POSRemoteID": "TestOrg-7ab4da81", "AuthSecret": "sharedS3cr3t!"}
CLAIM = Claim("outlet-1", "TestOrg-7ab4da81", "sharedS3cr3t!")

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
keys = st.sampled_from([*GOOD, *(name.lower() for name in GOOD)]) | st.text(max_size=20)


def read(content: Any, **changes: Any) -> Claim:
    body = content if isinstance(content, bytes) else json.dumps(content | changes).encode()
    return read_auth_request(body)


def refusal(content: Any, **changes: Any) -> str:
    with pytest.raises(Malformed) as refused:
        read(content, **changes)
    return str(refused.value)


# --- Accepted


def test_the_documented_request_is_read() -> None:
    assert read(GOOD) == CLAIM


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_the_request_is_read_in_any_unicode_encoding_and_with_trailing_nuls(encoding: str) -> None:
    assert read(json.dumps(GOOD).encode(encoding)) == CLAIM
    assert read(f"{json.dumps(GOOD)}\r\n\0\0".encode(encoding)) == CLAIM


@pytest.mark.parametrize(
    "spell", [str.lower, str.upper, str.title, str.swapcase, lambda name: name[0].lower() + name[1:]]
)
def test_keys_are_read_in_any_letter_case(spell: Any) -> None:
    assert read({spell(name): value for name, value in GOOD.items()}) == CLAIM


def test_unknown_keys_are_ignored() -> None:
    assert read(GOOD, Version="8.1", Nested={"a": [1, None]}) == CLAIM


def test_a_byte_order_mark_is_ignored() -> None:
    assert read(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()) == CLAIM


def test_blanks_and_line_ends_around_the_object_are_ignored() -> None:
    assert read(b"\r\n  " + json.dumps(GOOD, indent=4).encode() + b"\r\n") == CLAIM


def test_a_pos_may_send_any_value_that_the_portal_can_store() -> None:
    stored = {
        "ProviderOutletID": Outlet._meta.get_field("provider_outlet_id").max_length,
        "POSRemoteID": Integration._meta.get_field("pos_remote_id").max_length,
        "AuthSecret": MAX_SECRET_LENGTH,
    }
    assert stored == MAX_LENGTHS


@pytest.mark.parametrize("name", MAX_LENGTHS)
def test_a_field_may_have_its_full_length_in_characters_not_bytes(name: str) -> None:
    assert "\u00e4" * MAX_LENGTHS[name] in vars_of(read(GOOD, **{name: "\u00e4" * MAX_LENGTHS[name]}))


def vars_of(claim: Claim) -> list[str]:
    return [claim.provider_outlet_id, claim.pos_remote_id, claim.secret]


def test_a_value_keeps_its_letter_case_and_inner_spaces() -> None:
    assert read(GOOD, POSRemoteID="Test  Org").pos_remote_id == "Test  Org"


@pytest.mark.parametrize(
    "edge", [" ", "\r\n", "\x00", "\u00a0", "\u200b", "\u200e\u202e", "\u00ad", "\ufeff", "\ufe0f"]
)
def test_hidden_characters_at_the_ends_of_ids_are_removed_and_reported_to_staff(edge: str) -> None:
    claim = read(GOOD, ProviderOutletID=f"outlet-1{edge}", POSRemoteID=f"{edge}TestOrg")
    assert (claim.provider_outlet_id, claim.pos_remote_id) == ("outlet-1", "TestOrg")
    assert code_and_name(edge[0]) in claim.detail
    assert read(GOOD).detail == ""


def test_edges_do_not_count_towards_the_length_of_a_value() -> None:
    for name, longest in MAX_LENGTHS.items():
        assert read(GOOD, **{name: "x" * longest + " \u200b\n"})
        assert "longer than" in refusal(GOOD, **{name: "x" * (longest + 1)})


def test_the_detail_names_characters_and_never_the_secret() -> None:
    claim = read(GOOD, AuthSecret="sharedS3cr3t!\n")
    assert claim.detail == "AuthSecret was sent with U+000A LINE FEED at its beginning or end."
    assert "sharedS3cr3t" not in read(GOOD, AuthSecret=" sharedS3cr3t!" + "\u200b" * 300).detail


def test_the_secret_is_not_in_the_claims_repr() -> None:
    assert "sharedS3cr3t!" not in repr(read(GOOD))


# --- Refused, naming the field


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_field_is_named(name: str) -> None:
    assert name in refusal({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("value", [None, "", "   ", "\t", 7, 1.5, False, [], {}, ["outlet-1"], {"a": "b"}])
def test_an_empty_or_non_string_field_is_named(name: str, value: Any) -> None:
    assert name in refusal(GOOD, **{name: value})


@pytest.mark.parametrize("name", GOOD)
def test_a_field_that_is_too_long_is_named_with_its_limit(name: str) -> None:
    message = refusal(GOOD, **{name: "x" * (MAX_LENGTHS[name] + 1)})
    assert name in message
    assert str(MAX_LENGTHS[name]) in message


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("character", ["\x00", "\n", "\x1b", "\x7f", "\x85", "\ud800"])
def test_a_field_with_a_control_character_or_a_lone_surrogate_is_refused_and_named(name: str, character: str) -> None:
    assert name in refusal(GOOD, **{name: f"a{character}b"})


@pytest.mark.parametrize("content", [b"[]", b"7", b'"text"', b"null", b"true", b"[{}]"])
def test_json_that_is_not_an_object_is_refused(content: bytes) -> None:
    assert "object" in refusal(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"AccessToken=1",
        b"{'ProviderOutletID': 'x'}",
        b'{"ProviderOutletID": "x",}',
        b'{"ProviderOutletID": "\xe4"}',
        b"\xef\xbb\xbf",
        b"{}{}",
        b"\x00",
    ],
)
def test_a_body_that_is_not_json_is_refused(content: bytes) -> None:
    assert "JSON" in refusal(content)


@pytest.mark.parametrize(
    "bomb", [b"[" * MAX_AUTH_BODY, b'{"a":' * (MAX_AUTH_BODY // 5), b'{"a":[' * 2_000 + b"]}" * 2_000]
)
def test_a_nesting_bomb_is_refused(bomb: bytes) -> None:
    assert "JSON" in refusal(bomb)


def test_a_number_of_ten_thousand_digits_beside_the_values_is_ignored() -> None:
    assert read(json.dumps(GOOD)[:-1].encode() + b', "a": ' + b"9" * 10_000 + b"}") == read(json.dumps(GOOD).encode())
    assert refusal(b'{"ProviderOutletID": ' + b"9" * 10_000 + b"}")


@pytest.mark.parametrize("number", [*range(1, 0x21), *range(0x7F, 0xA1), 0xFEFF, 0x200B, 0x2028, 0x2029])
def test_control_characters_and_blanks_around_the_object_are_ignored(number: int) -> None:
    for text in (chr(number) + json.dumps(GOOD), json.dumps(GOOD) + chr(number) * 2):
        assert read(text.encode()) == read(json.dumps(GOOD).encode())


def test_a_refusal_never_repeats_the_secret() -> None:
    for change in ({"ProviderOutletID": 7}, {"AuthSecret": "sharedS3cr3t!" * 30}, {"AuthSecret": "sharedS3cr3t\x00!"}):
        assert "sharedS3cr3t" not in refusal(GOOD, **change)


# --- Random input


@given(st.dictionaries(keys, json_values) | json_values)
@example({"ProviderOutletID": "a", "POSRemoteID": "b", "AuthSecret": "c"})
@example({"PROVIDEROUTLETID": "a", "providerOutletID": "b"})
@example({"\u0130": "dotted capital I changes its length in lower case"})
def test_any_json_is_a_claim_or_malformed(content: Any) -> None:
    try:
        claim = read_auth_request(json.dumps(content).encode())
    except Malformed:
        return
    for value, limit in zip(vars_of(claim), MAX_LENGTHS.values(), strict=True):
        assert 0 < len(value) <= limit
        value.encode()


@given(st.binary(max_size=200))
def test_any_bytes_are_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_auth_request(body)


@given(st.data())
def test_a_valid_request_damaged_in_one_place_is_a_claim_or_malformed(data: st.DataObject) -> None:
    body = bytearray(json.dumps(GOOD).encode())
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_auth_request(bytes(body))
    except Malformed:
        return


# --- Frames


@pytest.mark.parametrize("text", ["{}", '{"RequestID": "1", "ResultCode": 0}', '{"a": [' + "[]," * 30_000 + "0]}"])
def test_a_frame_with_an_object_is_of_an_unknown_kind(text: str) -> None:
    assert kind_of_frame(text) == UnrecognisedFrameKind.UNKNOWN


@pytest.mark.parametrize("text", ["[]", "7", "9" * 10_000, "null", '"x"', "[{}]", "[" + "1," * 50_000 + "1]"])
def test_a_frame_with_json_that_is_not_an_object_has_its_own_kind(text: str) -> None:
    assert kind_of_frame(text) == UnrecognisedFrameKind.NOT_AN_OBJECT


@pytest.mark.parametrize(
    "text", ["", "{", "ping", "[" * 60_000, '{"a":' * 13_000, "\ud800", "\x00", "x" * 100_000, "\x00" * 100_000]
)
def test_a_frame_that_is_not_json_has_its_own_kind(text: str) -> None:
    assert kind_of_frame(text) == UnrecognisedFrameKind.NOT_JSON


def test_a_very_long_frame_is_classified_by_its_beginning() -> None:
    assert kind_of_frame("{" * (MAX_CHECKED + 1)) == UnrecognisedFrameKind.UNKNOWN
    assert kind_of_frame("{" * MAX_CHECKED) == UnrecognisedFrameKind.NOT_JSON


@given(st.text(alphabet=st.characters()))
def test_any_text_is_a_kind_of_frame(text: str) -> None:
    assert isinstance(kind_of_frame(text), UnrecognisedFrameKind)
