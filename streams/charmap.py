"""Text in Latin and Cyrillic letters, changed character by character through a table of 256
places: many times as fast as through a dictionary."""

import codecs
from collections.abc import Callable
from typing import Final

_LATIN: Final = "".join(chr(code) for code in range(0xC0, 0x100) if chr(code) not in "×÷ß")
_CYRILLIC: Final = "".join(map(chr, range(0x410, 0x450)))
_REST: Final = "ЁёІіЇїЄєҐґŒœ\u00a0«»“”„‘’–—…€·•"
_ASCII: Final = "".join(map(chr, range(128)))
_PLACES: Final = "\0\t\n\r" + _ASCII[32:127] + _LATIN + _CYRILLIC + _REST
_ENCODING: Final = codecs.charmap_build(_PLACES)


class Table:
    """What becomes of each character."""

    def __init__(self, become: Callable[[str], str]) -> None:
        """`become` gives one character for each. Raises `ValueError` where it gives more or none,
        or for ASCII something else."""
        self._of_ascii = _made(_ASCII, become).encode("ascii").ljust(256)
        self._of_places = _made(_PLACES, become).ljust(256)

    def apply(self, text: str) -> str | None:
        """The text changed; `None` where it has a character that the table has no place for."""
        if text.isascii():
            return text.encode("ascii").translate(self._of_ascii).decode("ascii")
        try:
            encoded, _ = codecs.charmap_encode(text, "strict", _ENCODING)
        except UnicodeEncodeError:
            return None
        return codecs.charmap_decode(encoded, "strict", self._of_places)[0]


def _made(chars: str, become: Callable[[str], str]) -> str:
    made = [become(char) for char in chars]
    if odd := [one for one in made if len(one) != 1]:
        raise ValueError(f"not one character: {odd}")
    return "".join(made)
