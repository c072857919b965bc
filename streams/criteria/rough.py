"""The rough words of a post: what the index is asked for, before anything is read with care.

A topic stands in the index under a rough term; every post that meets the topic has that term among
its rough words, and some posts that do not meet it have it too. That freedom makes them cheap: a
text in European letters becomes bytes of one small alphabet, one table then lowers, folds and
cuts it, and all of it runs in C, some 1 µs for 100 characters, with nothing to be remembered.
Other texts are cut by the tokenizer and folded word by word.

A rough term is a folded word without what joins words (`l'eau` is `l` and `eau`), a `#tag`, a
`@handle`, or a beginning with its star.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Final

from streams.criteria import characters as chars
from streams.criteria import tokens
from streams.criteria.folding import fold, folded
from streams.criteria.links import handles, mentions

Rough = str | bytes
"""A rough word: bytes of `_ALPHABET` where its letters are all there, else the folded word."""

_LATIN: Final = "àáâãäåçèéêëìíîïñòóôõöøùúûüýÿāăąćčďēėęěğģīįķļłńņňőřśşšţťūůűųźżžșț"
_CYRILLIC: Final = "".join(map(chr, range(0x430, 0x450))) + "ёіїєґў"
_SIGNS: Final = "«»—–’‘“”„…№€£•\u00a0¡¿°§×−"
_ALPHABET: Final = ("".join(map(chr, range(128))) + _LATIN + _CYRILLIC + _SIGNS).ljust(
    256, "\ufffe"
)
_ENCODING: Final = codecs.charmap_build(_ALPHABET)

_OTHERS: Final = re.compile(rf"[^\x00-\x7f{_LATIN}{_CYRILLIC}{_SIGNS}]+")
_EMOJI: Final = re.compile(rf"[{chars.EMOJI}]\ufe0f?")
_ONLY_EMOJI: Final = re.compile(rf"(?:[{chars.EMOJI}](?<![{chars.SKIN_TONES}])\ufe0f?)+")
_IDEOGRAPHS: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_LONGEST: Final = 40
_JOINERS: Final = re.escape(chars.MID_LETTER + chars.MID_NUMBER + '"-')
_PART: Final = re.compile(rf"[#@]?[^\s#@{_JOINERS}]+")
_JOINED: Final = re.compile(rf"[{_JOINERS}]\S")
_SPELLED: Final = (("ß", "ss"), ("œ", "oe"), ("æ", "ae"))
_SPACED: Final = ((b"#", b" #"), (b"@", b" @"))


def _encoded(text: str) -> bytes:
    return codecs.charmap_encode(text, "strict", _ENCODING)[0]


def _table() -> bytes:
    """Each byte of the alphabet to the letter that it is compared as; what is none to a space."""
    table = bytearray(b" " * 256)
    for at, char in enumerate(_ALPHABET.rstrip("\ufffe")):
        if char.isalnum() or char in "_#@":
            table[at] = _encoded(fold(char))[0]
    return bytes(table)


_FOLDED: Final = _table()
_UNSIGNED: Final = bytes.maketrans(b"#@", b"  ")


def words(text: str) -> list[Rough]:
    """All rough words of a text, in no particular order; some stand in it more than once."""
    if text.isascii():
        return _cut(text.encode())
    lower = text.lower()
    try:
        return _cut(_encoded(lower))
    except UnicodeEncodeError:
        pass
    for letter, spelled in _SPELLED:
        lower = lower.replace(letter, spelled)
    others = set(_OTHERS.findall(lower))
    if not all(map(_are_emoji, others)):
        return _with_care(text)
    found = _cut(codecs.charmap_encode(lower, "replace", _ENCODING)[0])
    found += {fold(emoji) for run in others for emoji in _EMOJI.findall(run)}
    return found


@lru_cache(maxsize=10_000)
def _are_emoji(run: str) -> bool:
    """Whether a run of characters is emoji alone, of one character each."""
    return len(run) <= _LONGEST and bool(_ONLY_EMOJI.fullmatch(run))


def _cut(text: bytes) -> list[Rough]:
    text = text.translate(_FOLDED)
    found: list[Rough] = text.split()  # type: ignore[assignment]  # bytes are Rough
    if b"#" in text or b"@" in text:
        for sign, spaced in _SPACED:
            text = text.replace(sign, spaced)
        found = text.split() + text.translate(_UNSIGNED).split()  # type: ignore[assignment]  # same
    return found


def _with_care(text: str) -> list[Rough]:
    """The same for any script."""
    rest, alone = text, list[Rough]()
    if _IDEOGRAPHS.search(text):  # each is a word, and folds to itself
        alone = list(_IDEOGRAPHS.findall("".join(set(text))))
        rest = _unmarked().sub(" ", text)
    exact = folded(list(set(tokens.words(rest))))
    exact += [f"#{fold(tag)}" for tag, _, _ in tokens.hashtags(text)]
    exact += [f"@{name}" for written, _, _ in mentions(text) for name in handles(written)]
    return alone + of_terms(exact)


@cache
def _unmarked() -> re.Pattern[str]:
    """Ideographs but one that has a mark: that is a word which may fold to another."""
    return re.compile(f"{_IDEOGRAPHS.pattern}+(?![{chars.marks()}])")


def of_terms(exact: Iterable[str]) -> list[Rough]:
    """The rough words of folded words, `#tags` and `@handles`."""
    return list(map(encoded, _PART.findall(" ".join(exact))))


def encoded(word: str) -> Rough:
    """A folded word without joiners as a rough word."""
    if word[0] not in _ALPHABET:  # the quick answer for ideographs
        return word
    try:
        return _encoded(word)
    except UnicodeEncodeError:
        return word


def decoded(word: Rough) -> str:
    """The folded word that a rough word was."""
    return word if isinstance(word, str) else codecs.charmap_decode(word, "strict", _ALPHABET)[0]


def joined(text: str) -> Iterator[str]:
    """The folded words of a text in which something is joined: their rough words are cut."""
    for piece in text.split():
        if _JOINED.search(piece):
            yield from (fold(word) for word in set(tokens.words(piece)))


def part(term: str) -> str:
    """The part of an exact term to look for: the longest one, for it is the rarest."""
    return max(_PART.findall(term), key=len, default=term)
