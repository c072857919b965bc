"""Words in the reader's language, looked up when they are shown and not when they are defined.

English is what the code says; `locale/<language>/LC_MESSAGES/veille.po` has the others. Whom a page
is written for stands in a context variable, so that a function deep in a page needs no parameter
for it: `reading_for` sets it for a request or for one rendering.

A message is always a format: `_("%(n)s posts", n=3)`; a percent sign in it is written `%%`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from streams.web.visitor import LANGUAGES, Language, Visitor

LOCALES: Final = Path(__file__).parent / "locale"
DOMAIN: Final = "veille"

NOBODY: Final = Visitor()

_reader: ContextVar[Visitor] = ContextVar("reader", default=NOBODY)  # it is frozen


def reader() -> Visitor:
    """Whom the present page is written for."""
    return _reader.get()


def locale() -> Locale:
    """Babel's locale of the present page. English is Britain's: days before months."""
    return _locale(reader().language)


@contextmanager
def reading_for(visitor: Visitor) -> Iterator[None]:
    """Write for `visitor` until the block ends."""
    token = _reader.set(visitor)
    try:
        yield
    finally:
        _reader.reset(token)


def N_(message: str) -> str:  # noqa: N802 # gettext's own name
    """Marks a word of a table for the catalogues; `_` translates it where it is shown."""
    return message


def gettext(message: str) -> str:
    """The message in the reader's language, still a format."""
    return translations(reader().language).ugettext(message)


def plural(one: str, many: str, n: float) -> str:
    """The form that goes with `n` in the reader's language, still a format."""
    return translations(reader().language).ungettext(one, many, round(n))


def _(message: str, **values: object) -> str:
    """The message in the reader's language, its values filled in."""
    return gettext(message) % values


def ngettext(one: str, many: str, n: float, **values: object) -> str:
    """Likewise with the form that goes with `n`, which is a value itself (`%(n)s`, `%(num)s`)."""
    return plural(one, many, n) % {"n": n, "num": n, **values}


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
