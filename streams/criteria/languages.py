"""Which languages a topic listens to."""

from typing import Final

_UNKNOWN: Final = frozenset({"", "und"})


def primary(tag: str) -> str:
    """The language of a tag: `en` of `en-US`, `pt` of `pt_BR`."""
    return tag.strip().lower().replace("_", "-").partition("-")[0]


def admits(languages: frozenset[str], language: str) -> bool:
    """Whether a post in `language` may meet a topic of these languages (both `primary`).

    No languages means any. A post whose language is not known is admitted: better one mention
    too many than one lost because a text was too short to tell.
    """
    return not languages or language in languages or language in _UNKNOWN
