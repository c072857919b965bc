"""What readers see of MediaWiki's edit summaries and of the differences between revisions."""

import re
from typing import Final

from connectors.text import line, plain

_SECTION = re.compile(r"/\*\s*(.*?)\s*\*/\s*")
_LINK = re.compile(r"\[\[:?(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
_ADDED = re.compile(r"<td[^<>]{0,300}\bdiff-addedline\b[^<>]{0,300}>")
_BOLD = re.compile(r"'{2,5}")
_MOST_MARKUP: Final = 1_000_000
_LONGEST_SUMMARY: Final = 5_000
"""A wiki allows a tenth of it; what is longer is left as it is."""


def summary(comment: object) -> str:
    """An edit's summary: the section that it names before a colon, links as their words."""
    if not isinstance(comment, str):
        return ""
    if len(comment) > _LONGEST_SUMMARY:
        return comment
    said = _SECTION.sub(lambda found: f"{found.group(1)}: " if found.group(1) else "", comment)
    return _LINK.sub(r"\1", said).strip().removesuffix(":")


def added(table: object) -> str:
    """The lines that a revision adds or rewrites, from the rows of a difference in HTML."""
    if not isinstance(table, str):
        return ""
    found = _ADDED.split(table[:_MOST_MARKUP])[1:]
    cells = (plain(cell.partition("</td>")[0], html=True)[0] for cell in found)
    shown = (_BOLD.sub("", _LINK.sub(r"\1", cell)) for cell in cells)
    return "\n".join(text for text in shown if line(text))
