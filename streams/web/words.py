"""The words of the pages' scripts in one language, as a module that `veille-core.js` imports."""

from typing import Final

import msgspec

from streams.web.i18n import catalogue
from streams.web.visitor import Language

ENGLISH: Final = "n != 1"


def module(language: Language) -> bytes:
    """`messages` by their English text, in all their forms, and `form`, which says which of them
    goes with a number: the C expression of gettext means the same in JavaScript."""
    found = catalogue(language)
    messages = {}
    for message in found:
        files = [file for file, _ in message.locations]
        if message.id and not message.fuzzy and any(file.endswith(".js") for file in files):
            key = message.id if isinstance(message.id, str) else message.id[0]
            said = message.string or ""
            messages[key] = [said] if isinstance(said, str) else list(said)
    plural = found.plural_expr if messages else ENGLISH
    return (
        b"export const messages = " + msgspec.json.encode(messages) + b";\n"
        b"export const form = (n) => Number(" + plural.encode() + b");\n"
    )
