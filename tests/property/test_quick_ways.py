"""What is quick for the usual words and queries gives what the long way gives."""

from unicodedata import normalize

from hypothesis import given
from hypothesis import strategies as st

from streams.alerts.words import prose, says_something, significant
from streams.criteria import rough, tokens
from streams.criteria.folding import fold, folded
from streams.criteria.parser import parse
from streams.store import text as store_text

latin = st.text(st.characters(max_codepoint=0x17F, categories=["L", "Nd"]), min_size=1)
cyrillic = st.text("абвгдежзийклмнопрстуфхцчшщъыьэюяёієґў", min_size=1)
words = st.one_of(latin, cyrillic).map(str.lower)


@given(latin)
def test_latin_letters_fold_as_they_do_when_taken_apart(word: str) -> None:
    assert fold(word) == fold(normalize("NFD", word))


@given(st.lists(words, min_size=1, max_size=3), st.sampled_from(["{}", "{}ab*", '"{}"', "({} x)"]))
def test_a_backslash_before_a_letter_changes_nothing(some: list[str], shape: str) -> None:
    plain, escaped = (shape.format(" ".join(f"{sign}{w}" for w in some)) for sign in ("", "\\"))
    assert parse(plain) == parse(escaped)


@given(st.lists(st.text(st.characters(categories=["L", "M", "N"]), min_size=1)))
def test_words_fold_together_as_each_alone(some: list[str]) -> None:
    assert folded(some) == [fold(word) for word in some]


@given(st.text(alphabet="苹果々\u3099\ufe0fв ab.'#@é가Ａ\u0301", max_size=20))
def test_what_a_text_says_is_among_its_rough_words(text: str) -> None:
    exact = [fold(text[start:end]) for start, end in tokens.spans(text)]
    assert set(rough.of_terms(exact)) <= set(rough.words(text))


@given(words)
def test_a_hashtag_is_the_same_with_its_field(tag: str) -> None:
    assert parse(f"#{tag}") == parse(f"hashtag:{tag}")


mixed = st.text(
    st.one_of(
        st.sampled_from("aeéЁёйИßñœ№…'\u2019-#@._ \n\t:/wW^`~1\u0301\u0306\ufe0f\u200d\xa0"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=150,
)


@given(mixed)
def test_a_text_folds_as_its_characters_do(text: str) -> None:
    words = [word[: store_text.MAX_TOKEN_CHARS] for word in store_text.fold_any(text).split()]
    assert store_text.fold(text).split() == words


@given(mixed, st.sampled_from([3, 30]))
def test_what_says_something_is_found_piece_by_piece_as_in_the_whole(text: str, most: int) -> None:
    whole = [word.lstrip("#") for word in prose(text) if says_something(word)]
    assert list(significant(text, most)) == list(dict.fromkeys(whole))[:most]
