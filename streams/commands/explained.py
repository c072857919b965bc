"""An explanation of a sentiment for the terminal: the text with its words marked, then a table.

Colours are blue and orange, and every mark has its sign: `+` and `-` tell the same without them.
"""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from streams.criteria.describe import printable
from streams.records import Sentiment
from streams.sentiment.explained import Contribution, Explained

STRONGEST: Final = 12
"""Rows of the table."""

_SHOWN: Final = 1_500  # characters of the text
_PART: Final = 60  # characters of a part in the table
_FAINT: Final = 0.1  # of the loudest word: what is below is not marked
_LOUD: Final = 0.5  # of the loudest word: from here on the sign is doubled
_STYLES: Final = {"+": "bold dodger_blue1", "-": "bold dark_orange"}
_EMOJI: Final = "\u2600-\u27bf\U0001f000-\U0001faff"
_WORD: Final = re.compile(rf"[^\s{_EMOJI}]+|[{_EMOJI}]\ufe0f?")
_TRIMMED: Final = "\"'.,;:!?()[]…«»“”„"


def rendered(text: str, lang: str, explained: Explained, target: Sequence[str] = ()) -> Group:
    """The judgement, the text, and what made the one of the other."""
    parts = explained.contributions
    shown = [verdict(explained.sentiment), marked(text, parts)]
    about = f"engine {explained.sentiment.engine or 'none'}, language {lang}"
    about += f", scope {explained.sentiment.scope}"
    if target:
        about += f", target {', '.join(target)}"
    details = Text(printable(about), "dim")
    table = [_table(parts)] if parts else []
    return Group(*shown, *table, details, Text(""))


def verdict(sentiment: Sentiment) -> Text:
    """One line: label, score, confidence, reason."""
    sign = {"pos": "+", "neg": "-"}.get(sentiment.label, "")
    line = Text()
    line.append(f"{sign}{sentiment.label}", _STYLES.get(sign, "bold"))
    if sentiment.label != "unscored":
        line.append(f"  score {sentiment.score:+.3f}  confidence {sentiment.confidence:.2f}")
    if sentiment.reason:
        line.append(printable(f"  ({sentiment.reason})"))
    return line


def marked(text: str, parts: Sequence[Contribution]) -> Text:
    """The text; each word that spoke in brackets, after a `+` or a `-`, doubled where loud."""
    levels = _levels(text, parts)
    words = [(match, _level(levels, match)) for match in _WORD.finditer(text[:_SHOWN])]
    loudest = max((abs(level) for _, level in words), default=0.0)
    line = Text("  ")
    at = 0
    for match, level in words:
        if loudest and abs(level) >= _FAINT * loudest:
            start, end = _core(match)
            line.append(printable(text[at:start]))
            sign = "+" if level > 0 else "-"
            signs = sign * (1 + (abs(level) >= _LOUD * loudest))
            line.append(printable(f"[{signs}{text[start:end]}]"), _STYLES[sign])
            at = end
    line.append(printable(text[at:_SHOWN]) + (" …" if len(text) > _SHOWN else ""))
    return line


def _levels(text: str, parts: Sequence[Contribution]) -> list[float]:
    """For each place from 0 to the length, what all characters before it add up to: a part lies
    evenly on the characters of its stretch that are not blank."""
    steps = [0.0] * (len(text) + 1)
    for part in parts:
        if 0 <= part.start < part.end <= len(text):
            share = part.weight / (part.end - part.start)
            steps[part.start] += share
            steps[part.end] -= share
    return [0.0, *accumulate(accumulate(steps[:-1]))]


def _level(levels: list[float], match: re.Match[str]) -> float:
    return levels[match.end()] - levels[match.start()]


def _core(match: re.Match[str]) -> tuple[int, int]:
    """The word without the punctuation around it, unless it is nothing else."""
    word = match[0]
    if not word.strip(_TRIMMED):
        return match.span()
    left = len(word) - len(word.lstrip(_TRIMMED))
    return match.start() + left, match.start() + len(word.rstrip(_TRIMMED))


def _table(parts: Sequence[Contribution]) -> Table:
    """The strongest parts, the strongest first."""
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column("weight", justify="right")
    table.add_column("part")
    table.add_column("note")
    ranked = sorted(parts, key=lambda part: -abs(part.weight))
    for part in ranked[:STRONGEST]:
        style = _STYLES["+" if part.weight > 0 else "-"] if part.weight else ""
        weight = Text(f"{part.weight:+.2f}", style)
        name = printable(part.text[:_PART]).replace("\n", " ")
        table.add_row(weight, Text(name), Text(printable(part.note)))
    if len(ranked) > STRONGEST:
        table.add_row("", Text(f"weaker ones: {len(ranked) - STRONGEST}", "dim"), "")
    return table
