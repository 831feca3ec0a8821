"""Hidden characters are removed at a text's ends and reported within it; IDs and names are compared without them."""

import unicodedata
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.text.characters import (
    code_and_name,
    differences,
    folded,
    hidden_within,
    identity,
    is_hidden,
    look_alike_form,
    normalised_name,
    show_hidden,
    trimmed,
)

HIDDEN = (
    "\x00\t\n\r\x1f \x7f\x85\u00a0\u00ad\u034f\u061c\u115f\u180e\u2003\u200b\u200d\u200f\u2028\u202e"
    "\u2060\u2800\u3000\u3164\ufe0f\ufeff\U000e0020\U000e0100"
)
UUID = "7ab4da81-d75b-4239-9aac-bdc0d2fb8f9a"


@pytest.mark.parametrize("character", HIDDEN)
def test_a_hidden_character_is_removed_at_the_ends_and_has_a_name(character: str) -> None:
    assert is_hidden(character)
    assert trimmed(f"{character}{character}a b{character}") == "a b"
    assert code_and_name(character).startswith(f"U+{ord(character):04X} ")
    assert character == " " or hidden_within(f"a{character}b") == character


@pytest.mark.parametrize("character", "aä中🍕-_.\u0301\u0660\ue000'")
def test_visible_characters_stay(character: str) -> None:
    assert not is_hidden(character)
    assert trimmed(character) == character


@given(st.text())
def test_a_trimmed_text_has_no_hidden_ends_and_is_part_of_the_text(text: str) -> None:
    bare = trimmed(text)
    assert bare in text
    assert bare == trimmed(bare)
    assert not bare or not (is_hidden(bare[0]) or is_hidden(bare[-1]))
    assert all(is_hidden(each) for each in text) == (bare == "")


@given(st.uuids())
def test_every_spelling_of_a_uuid_has_one_identity(value: uuid.UUID) -> None:
    text = str(value)
    spellings = [text, f"{{{text}}}", f"({text})", text.replace("-", ""), f"urn:uuid:{text}"]
    assert {identity(each) for each in [*spellings, *(each.upper() for each in spellings), f" {text}\u200b"]} == {text}


@given(st.text())
def test_the_identity_of_an_identity_is_itself(text: str) -> None:
    assert identity(identity(text)) == identity(text)


@pytest.mark.parametrize("text", [f"TestOrg-{UUID.upper()}", f"{{{UUID}", f"{UUID[:-1]}G", "0042", "Store-7"])
def test_an_id_that_is_not_a_uuid_is_its_own_identity(text: str) -> None:
    assert identity(text) == text


@given(st.text())
def test_a_normalised_name_is_composed_and_does_not_change_again(text: str) -> None:
    name = normalised_name(text)
    assert name == normalised_name(name)
    assert unicodedata.is_normalized("NFC", name)
    assert "  " not in name


def test_a_name_keeps_what_distinguishes_it() -> None:
    assert normalised_name("  O'Brien\u00a0&  S\u00f6hne \u2615\ufe0f ") == "O'Brien & S\u00f6hne \u2615"
    assert hidden_within(normalised_name("Har\u200bbour")) == "\u200b"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Caf\u00e9", "CAFE"),
        ("Stra\u00dfe", "STRASSE"),
        ("\u0141\u00f3d\u017a", "lodz"),
        ("Sm\u00f8rrebr\u00f8d", "Smorrebrod"),
        ("\u00c5ngstr\u00f6m", "angstrom"),
    ],
)
def test_names_that_differ_only_in_case_and_marks_fold_to_one(one: str, other: str) -> None:
    assert folded(one) == folded(other)


def test_names_that_differ_otherwise_do_not_fold_to_one() -> None:
    assert len({folded(each) for each in ("Bella", "Bello", "Bella 2", "Bel la", "\u4e2d", "\u4e2d\u4e2d")}) == 6


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *((f"O{each}Hara", "o'hara") for each in "\u2018\u2019\u201b\u02bc\u02b9\u02bb\u2032\u00b4`\uff07\ua78c\u055a"),
        *((f"Bar{each}Grill", "BAR-GRILL") for each in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"),
        *((f"{each}Bar{each}", '"bar"') for each in "\u201c\u201d\u201e\u00ab\u00bb\u2033\uff02"),
        ("\uff22\uff41\uff52\u3000\uff11", "Bar 1"),
        ("\u0421\u0430f\u0435", "Caf\u00e9"),
        ("\u0391\u03a4\u0397\u0395\u039dA", "Athena"),
        ("\u24b7ar \u2116 \u00b2", "bar no 2"),
        ("1\u20442 \u2022 Bar", "1/2 \u00b7 bar"),
    ],
)
def test_names_of_similar_looking_characters_look_alike(one: str, other: str) -> None:
    assert look_alike_form(one) == look_alike_form(other)


def test_names_that_look_different_have_different_forms() -> None:
    latin = ("O'Hara", "O Hara", "OHara", "Bar-Grill", "Bar Grill", "Bar", "Bar 2")
    names = (*latin, "\u041c\u0438\u0440", "\u041c\u0430\u0440", "\u4e2d", "\u30fb\u4e2d")
    assert len({look_alike_form(each) for each in names}) == len(names)


def test_a_hidden_character_is_shown_by_name_and_a_space_between_words_is_not() -> None:
    assert show_hidden("a b") == "a b"
    assert show_hidden("a\u200bb ") == "a[U+200B ZERO WIDTH SPACE]b[U+0020 SPACE]"
    assert show_hidden("a  b") == "a[U+0020 SPACE][U+0020 SPACE]b"


def test_differences_that_a_reader_may_overlook_are_named() -> None:
    assert differences("\u0410-1", "A-1") == ["U+0410 CYRILLIC CAPITAL LETTER A"]
    assert differences("A\u20111", "A-1") == ["U+2011 NON-BREAKING HYPHEN"]
    assert differences("A B", "A\u00a0B") == ["U+0020 SPACE", "U+00A0 NO-BREAK SPACE"]
    assert differences("A-1", "A-2") == []
