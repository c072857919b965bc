"""A table of characters."""

import pytest

from streams.charmap import Table

UPPER = Table(str.upper)


@pytest.mark.parametrize(
    "text", ["", "plain words, 1 to 9!\n", "Très déçu…", "Рейс задержан: «опять»", "œuvre і ґанок"]
)
def test_each_character_becomes_its_own(text: str) -> None:
    assert UPPER.apply(text) == text.upper()


@pytest.mark.parametrize("text", ["straße", "日本", "a 😀", "e\u0301", "\ud800", "\x07é"])
def test_others_have_no_place(text: str) -> None:
    assert UPPER.apply(text) is None


def test_control_characters_are_ascii() -> None:
    assert UPPER.apply("a\x00\x07\x7f") == "A\x00\x07\x7f"


@pytest.mark.parametrize("become", [lambda char: char * 2, lambda _: "", lambda _: "é"])
def test_a_table_of_other_than_single_characters_is_an_error(become: object) -> None:
    with pytest.raises(ValueError, match=r"not one character|ascii"):
        Table(become)  # type: ignore[arg-type]
