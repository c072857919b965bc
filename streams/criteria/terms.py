"""The leaves of a query: what a written word or phrase stands for."""

import re
from typing import Final, NamedTuple

from msgspec.structs import replace

from streams.criteria import patterns, regexes, tokens, written
from streams.criteria.complaint import query_error
from streams.criteria.fields import mention
from streams.criteria.folding import fold
from streams.criteria.lexer import Lexeme, unescape
from streams.criteria.stems import stemmed
from streams.criteria.style import PLAIN, Style
from streams.criteria.syntax import (
    Hashtag,
    Node,
    Or,
    Pattern,
    Phrase,
    Placed,
    Prefix,
    Sloppy,
    Word,
    Written,
)
from streams.errors import QueryError

MIN_PREFIX: Final = 2
MAX_PREFIX: Final = 64
MAX_SLOP: Final = 1000
MAX_SLOPPY: Final = 32
"""Most words of a phrase with `~`: a plain phrase may be as long as the query."""

_TAG: Final = re.compile(r"[#\uff03](.+)", re.DOTALL)
_WILDCARD: Final = re.compile(r"(?<!\\)[*?]")
_LOST_STAR: Final = re.compile(r"\w[*]|(?<!\\)[*]\w")
_WILD_PARTS: Final = re.compile(r"((?<!\\)[*?]+)")
_FUZZY: Final = re.compile(r"(.*[^\\])~([^~]*)", re.DOTALL)
_REGEX: Final = re.compile(r"/(.+)/", re.DOTALL)
_WEIGHT: Final = re.compile(r".*[^\\]\^[\d.]+", re.DOTALL)
_BOUNDS: Final = re.compile(r"[\[{].*[\]}]|[<>]=?.+", re.DOTALL)
UNSEEN: Final = dict.fromkeys(
    [0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF]
)


class Reading(NamedTuple):
    """How leaves are read here: the whole query, the topic's style, the field, `stem:` or not."""

    query: str
    style: Style = PLAIN
    field: str = ""
    stem: bool = False


def word(reading: Reading, lexeme: Lexeme) -> Node:
    """A bare word: one token, a pattern, a hashtag, or the phrase that its tokens make."""
    if tokens.is_plain(lexeme.raw):
        return _forms(reading, lexeme, Word(fold(lexeme.raw)))
    special = _plain_but_for_a_sign(lexeme.raw)
    if special is None:
        lexeme = replace(lexeme, raw=lexeme.raw.translate(UNSEEN))
        special = _special(reading, lexeme)
    leaf = special or exact(reading, lexeme)
    if reading.stem and not isinstance(leaf, Word):
        raise unstemmed(reading, lexeme)
    return leaf if special else _forms(reading, lexeme, leaf)


def unstemmed(reading: Reading, lexeme: Lexeme) -> QueryError:
    """The complaint about `stem:` before what has no other forms: a phrase, a pattern, a tag."""
    words = re.findall(r"\w+", unescape(lexeme.raw))[:5] or ["word"]
    each = " ONEAR/0 ".join(f"stem:{word}" for word in words)
    shown = lexeme.raw[:MAX_PREFIX] if lexeme.kind == "word" else _quoted(lexeme)
    return query_error(
        reading.query,
        lexeme.start,
        f"stem: counts for nothing before {shown}",
        expected="one word without quotes and signs after stem:",
        remedy=f"write {each}, or delete stem:",
    )


def _quoted(lexeme: Lexeme) -> str:
    return f'"{lexeme.raw[:MAX_PREFIX]}"'


def _plain_but_for_a_sign(raw: str) -> Placed | None:
    """The leaf of `#tag` and `prefix*` when no more than letters is beside the sign."""
    if raw[:1] == "#" and tokens.is_plain(raw[1:]):
        return Hashtag(fold(raw[1:]))
    if raw[-1:] == "*" and tokens.is_plain(raw[:-1]):
        start = fold(raw[:-1])
        return Prefix(start) if MIN_PREFIX <= len(start) <= MAX_PREFIX else None
    return None


def phrase(reading: Reading, lexeme: Lexeme, slop: Lexeme | None = None) -> Placed:
    """What stands between quotes: a phrase, or a word when it is only one."""
    leaf = exact(reading, lexeme)
    if slop is None:
        return leaf
    digits = slop.raw[1:]
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 5 or int(digits) > MAX_SLOP:
        raise query_error(
            reading.query,
            slop.start,
            f"{slop.raw} is not a distance",
            expected=f"~ and how far the words may be moved in all, 0 to {MAX_SLOP}",
            remedy='write "two words"~3, or NEAR/3 between them',
        )
    if not isinstance(leaf, Phrase) or not int(digits):
        return leaf
    if len(leaf.terms) > MAX_SLOPPY:
        raise query_error(
            reading.query,
            slop.start,
            f"{slop.raw} stands after a phrase of {len(leaf.terms)} words",
            expected=f"at most {MAX_SLOPPY} words in a phrase with ~",
            remedy=f"delete {slop.raw}, or join the words that matter by NEAR/{MAX_SLOPPY}",
        )
    return Sloppy(leaf.terms, int(digits))


def exactly(reading: Reading, lexeme: Lexeme) -> Placed:
    """What stands after a `=`: the words with their case and accents, and their signs."""
    if _LOST_STAR.search(lexeme.raw) or (lexeme.kind == "word" and _WILDCARD.search(lexeme.raw)):
        shown = _quoted(lexeme) if lexeme.kind == "exact" else lexeme.raw[:MAX_PREFIX]
        raise query_error(
            reading.query,
            lexeme.start,
            f"a * or ? counts for nothing in ={shown}: = takes what follows letter by letter",
            expected="whole words after =",
            remedy="drop the = and keep the *, or join the forms by OR: (=Apple OR =Apples)",
        )
    text = unescape(lexeme.raw)
    terms = folded_words(text)
    if not terms:
        raise _no_word(reading, lexeme)
    return Written(tuple(terms), text, exact=True, signs=written.has_signs(text))


def exact(reading: Reading, lexeme: Lexeme) -> Placed:
    """A word or a phrase; where signs stand in it, as it is written."""
    if tokens.is_plain(lexeme.raw.replace(" ", "")):
        return _unsigned([fold(word) for word in lexeme.raw.split()])
    text = unescape(lexeme.raw).translate(UNSEEN)
    terms = folded_words(text)
    if not terms:
        raise _no_word(reading, lexeme)
    if written.has_signs(text):
        return Written(tuple(terms), text, exact=False, signs=True)
    return _unsigned(terms)


def _unsigned(terms: list[str]) -> Word | Phrase:
    return Word(terms[0]) if len(terms) == 1 else Phrase(tuple(terms))


def folded_words(text: str) -> list[str]:
    """The folded words of a text, in order."""
    return [fold(text[start:end]) for start, end in tokens.spans(text)]


def hashtag(reading: Reading, lexeme: Lexeme, tag: str) -> Hashtag:
    """A hashtag, given without its sign. Raises `QueryError`."""
    found = next(tokens.hashtags(f"#{tag}"), None)
    if found and found[0] == tag:
        return Hashtag(fold(tag))
    raise query_error(
        reading.query,
        lexeme.start,
        f"{lexeme.raw} is not a hashtag",
        expected="letters, digits and _ straight after the #",
        remedy='write the hashtag up to its end, or the text as a "phrase"',
    )


def _forms(reading: Reading, lexeme: Lexeme, leaf: Placed) -> Node:
    """The word, with its other forms where the topic or `stem:` asks for them."""
    stem = reading.stem or reading.style.stem
    if not (stem or reading.style.elision) or not isinstance(leaf, Word):
        return leaf
    if tokens.is_spaceless(lexeme.raw):
        return leaf
    text = unescape(lexeme.raw)
    found: Placed = leaf
    if reading.stem or (reading.style.stem and not text[:1].isupper()):
        found = stemmed(text, reading.style.languages) or leaf
    if reading.style.elision and "'" not in leaf.term:
        return Or((found, Pattern(f"'{leaf.term}")))
    return found


def _special(reading: Reading, lexeme: Lexeme) -> Placed | None:
    """The leaf of a word that is more than letters, or `None` if it is not."""
    raw = lexeme.raw
    if tag := _TAG.fullmatch(raw):
        return hashtag(reading, lexeme, unescape(tag[1]))
    if raw[:1] in {"@", "＠"} and len(raw) > 1:
        return _mention(reading, lexeme)
    if raw[:1] == "=" and len(raw) > 1:
        return exactly(reading, replace(lexeme, raw=raw[1:]))
    if len(raw) > 2 and _REGEX.fullmatch(raw):
        return _regex(reading, lexeme)
    _refuse(reading, lexeme)
    if fuzzy := _FUZZY.fullmatch(raw):
        return _fuzzy(reading, lexeme, unescape(fuzzy[1]), fuzzy[2])
    return _wildcard(reading, lexeme) if _WILDCARD.search(raw) else None


def _mention(reading: Reading, lexeme: Lexeme) -> Placed:
    if reading.field in {"author", "bio"}:
        return exact(reading, replace(lexeme, raw=lexeme.raw[1:]))
    return mention(reading.query, lexeme, unescape(lexeme.raw))


def _regex(reading: Reading, lexeme: Lexeme) -> Pattern:
    reason = ""
    if len(lexeme.raw) > regexes.MAX_REGEX:
        reason = f"it is longer than {regexes.MAX_REGEX} characters"
    else:
        try:
            if regexes.is_boundless(lexeme.raw):
                reason = "nearly every word meets it"
        except regexes.Rejected as error:
            reason = str(error)
    if not reason:
        return Pattern(lexeme.raw)
    raise query_error(
        reading.query,
        lexeme.start,
        f"this regular expression can't be used: {reason}",
        expected="an expression in RE2's syntax that one whole word has to meet",
        remedy="name more letters; (?=…), (?!…) and \\1 have no place in it; for a text with "
        "slashes use quotes",
    )


def _fuzzy(reading: Reading, lexeme: Lexeme, literal: str, edits: str) -> Placed:
    folded = fold(literal)
    if not edits:  # as Elasticsearch's AUTO
        edits = str((len(folded) > 2) + (len(folded) > 5))
    if edits == "0":
        return exact(reading, replace(lexeme, raw=literal))
    least = {"1": 3, "2": 5}.get(edits)
    fits = [folded] == folded_words(literal) and len(folded) <= patterns.MAX_FUZZY
    if fits and least and least <= len(folded):
        return Pattern(f"{folded}~{edits}")
    raise query_error(
        reading.query,
        lexeme.start,
        f"{lexeme.raw[:MAX_PREFIX]} can't be looked for with edits",
        expected=f"one word of {least or 3} to {patterns.MAX_FUZZY} letters, with ~1 or ~2 after "
        "it (~2 from 5 letters on)",
        remedy="write the spellings with OR",
    )


def _wildcard(reading: Reading, lexeme: Lexeme) -> Placed:
    raw = lexeme.raw
    first = _WILDCARD.search(raw)
    at_end = first is not None and first.end() == len(raw) and first[0] == "*"
    if at_end and tokens.is_spaceless(unescape(raw[:-1])):
        return exact(reading, replace(lexeme, raw=raw[:-1]))  # each character is a word there
    parts = _WILD_PARTS.split(raw)
    literals = [unescape(part) for part in parts[::2]]
    letters = sum(len(fold(literal)) for literal in literals)
    if not MIN_PREFIX <= letters <= MAX_PREFIX:
        raise _immoderate(reading, lexeme, too_much=letters < MIN_PREFIX)
    if any(literal and [fold(literal)] != folded_words(literal) for literal in literals):
        raise query_error(
            reading.query,
            lexeme.start,
            f"{raw} is not the beginning of one word" if at_end else f"{raw} is not one word",
            expected="letters and digits beside the * and ?",
            remedy="write the words apart, the last one with its *",
        )
    if at_end:
        return Prefix(fold(literals[0]))
    wild = [re.sub(r"\*[*]+", "*", part) for part in parts[1::2]]
    rest = zip([*wild, ""], literals[1:] + [""] * (len(wild) + 2 - len(literals)), strict=True)
    return Pattern(fold(literals[0]) + "".join(mark + fold(literal) for mark, literal in rest))


def _immoderate(reading: Reading, lexeme: Lexeme, *, too_much: bool) -> QueryError:
    return query_error(
        reading.query,
        lexeme.start,
        f"{lexeme.raw[:MAX_PREFIX]} would match " + ("too much" if too_much else "next to nothing"),
        expected=f"{MIN_PREFIX} to {MAX_PREFIX} letters beside the * and ?",
        remedy="write more letters" if too_much else "write fewer letters",
    )


def _refuse(reading: Reading, lexeme: Lexeme) -> None:
    raw, problem, expected, remedy = lexeme.raw, "", "", ""
    if _WEIGHT.fullmatch(raw):
        problem = "a weight (^) means nothing here: a post matches or does not"
        expected, remedy = "a word", "write the word without its weight"
    elif raw[0] == "~":
        problem = f"{raw} stands alone"
        expected, remedy = "~ straight after a word or a closing quote", "close the gap"
    elif _BOUNDS.fullmatch(raw) and (raw[0] in "<>" or reading.field):
        field = f"{reading.field}: holds text" if reading.field else "words are text"
        problem = f"{field}, and text has no range"
        expected = "a word or a phrase; ranges are for rating, followers, likes, created …"
        remedy = "name the field that the range is for, as in rating:<=2"
    if problem:
        raise query_error(reading.query, lexeme.start, problem, expected=expected, remedy=remedy)


def _no_word(reading: Reading, lexeme: Lexeme) -> QueryError:
    return query_error(
        reading.query,
        lexeme.start,
        "there is no word in this" if lexeme.raw else "an empty phrase",
        expected="at least one letter, digit or emoji",
        remedy="delete it: punctuation is not searched for",
    )
