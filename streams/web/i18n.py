"""Words in the reader's language, looked up when they are shown and not when they are defined.

English is what the code says; `locale/<language>/LC_MESSAGES/veille.po` has the others. Whom a page
is written for stands in a context variable, so that a function deep in a page needs no parameter
for it: `reading_for` sets it for a request or for one rendering.

A message is always a format: `_("%(n)s posts", n=3)`; a percent sign in it is written `%%`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final, TypeVar

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from streams.web.visitor import LANGUAGES, Language, Visitor

LOCALES: Final = Path(__file__).parent / "locale"
DOMAIN: Final = "veille"

K = TypeVar("K")
NOBODY: Final = Visitor()

_reader: ContextVar[Visitor] = ContextVar("reader", default=NOBODY)
_here: ContextVar[str] = ContextVar("here", default="/")  # it is frozen


def reader() -> Visitor:
    """Whom the present page is written for."""
    return _reader.get()


def locale() -> Locale:
    """Babel's locale of the present page. English is Britain's: days before months."""
    return _locale(reader().language)


def here() -> str:
    """The address of the present page: its path and query, without `ui` and `tz`."""
    return _here.get()


@contextmanager
def reading_for(visitor: Visitor, address: str | None = None) -> Iterator[None]:
    """Write for `visitor` until the block ends; `address` is where the page stands."""
    before = _reader.set(visitor)
    stood = _here.set(here() if address is None else address)
    try:
        yield
    finally:
        _reader.reset(before)
        _here.reset(stood)


def N_(message: str) -> str:  # noqa: N802 # gettext's own name
    """Marks a word of a table for the catalogues; `_` translates it where it is shown."""
    return message


def NN_(one: str, many: str) -> tuple[str, str]:  # noqa: N802 # after `N_`
    """Likewise a word in its two forms, for `ngettext`."""
    return one, many


class Words(Mapping[K, str]):
    """Words by key, each translated when it is looked up. Mark them with `N_`."""

    def __init__(self, words: Mapping[K, str]) -> None:
        self._words = words

    def __getitem__(self, key: K) -> str:
        return _(self._words[key])

    def __iter__(self) -> Iterator[K]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)


class Signs(Mapping[K, tuple[str, str]]):
    """Likewise a word and its shape, which is the same in every language."""

    def __init__(self, signs: Mapping[K, tuple[str, str]]) -> None:
        self._signs = signs

    def __getitem__(self, key: K) -> tuple[str, str]:
        word, shape = self._signs[key]
        return _(word), shape

    def __iter__(self) -> Iterator[K]:
        return iter(self._signs)

    def __len__(self) -> int:
        return len(self._signs)


def gettext(message: str) -> str:
    """The message in the reader's language, still a format."""
    return translations(reader().language).ugettext(message)


def plural(one: str, many: str, n: float) -> str:
    """The form that goes with `n` in the reader's language, still a format."""
    language = reader().language
    whole = int(n)
    if whole != n:  # 1.8: `mentions`, `mention` in French, `упоминания` in Russian
        whole = 1 if language == "fr" and n < 2 else 2
    return translations(language).ungettext(one, many, whole)


def _(message: str, /, **values: object) -> str:
    """The message in the reader's language, its values filled in."""
    return gettext(message) % values


def ngettext(one: str, many: str, count: float, /, **values: object) -> str:
    """Likewise the form that goes with `count`, which is the value `n` or `num` where none is
    given."""
    said = number(count)
    return plural(one, many, count) % {"n": said, "num": said, **values}


def number(n: float) -> str:
    """A whole number in groups of three that never break."""
    return unbroken(format_decimal(round(n), locale=locale()))


def unbroken(said: str) -> str:
    """A figure in Babel's form. English groups by commas, which Veille's never did."""
    if reader().language == "en":
        said = said.replace(",", "\N{NARROW NO-BREAK SPACE}")
    return said.replace("\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}")


def load() -> None:
    """Read every catalogue now rather than for the first visitor."""
    for language in LANGUAGES:
        translations(language)


@cache
def translations(language: Language) -> NullTranslations:
    """A language's words. Fuzzy ones are guesses, and left in English."""
    compiled = BytesIO()
    write_mo(compiled, catalogue(language))
    compiled.seek(0)
    return Translations(compiled, domain=DOMAIN)


def catalogue(language: Language) -> Catalog:
    """A language's catalogue as its file has it; an empty one where there is no file."""
    path = LOCALES / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN, abort_invalid=True)


@cache
def _locale(language: Language) -> Locale:
    return Locale.parse("en_GB" if language == "en" else language)
