"""`veille score`: sentiment of texts, line by line."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer

from streams.commands.common import FAILED, err, write_lines
from streams.sentiment.language import identify
from streams.sentiment.scorer import Scorer, build_scorer

MAX_LINE_BYTES = 1024 * 1024


class Line(msgspec.Struct):
    """One line of input. `target` is a name or a list of names."""

    text: str
    lang: str | None = None
    target: str | list[str] | None = None


class Scored(msgspec.Struct):
    """One line of output."""

    label: str
    score: float
    confidence: float
    lang: str
    engine: str
    reason: str


def score(
    engine: Annotated[str, typer.Option(help="Which engine judges.")] = "vader",
) -> None:
    """Score texts from standard input: one JSON line {"text", "lang"?, "target"?} each.

    Prints one JSON line each, in order: label, score, confidence, lang, engine, reason.

    [bold]Example[/bold]: echo '{"text": "I love it"}' | veille score
    """
    failures = [0]
    write_lines(_scored(build_scorer(engine), failures))
    if failures[0]:
        err.print(f"{failures[0]} lines could not be read; each says why in its `reason`")
        raise typer.Exit(FAILED)


def _scored(scorer: Scorer, failures: list[int]) -> Iterator[bytes]:
    decode = msgspec.json.Decoder(Line).decode
    encode = msgspec.json.Encoder().encode
    for number, raw in enumerate(bounded_lines(sys.stdin.buffer), 1):
        if not raw.strip():
            continue
        try:
            yield encode(score_line(decode(whole(raw)), scorer))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            failures[0] += 1
            yield encode(Scored("unscored", 0.0, 0.0, "und", "", f"line {number}: {error}"))


def whole(raw: bytes) -> bytes:
    """The line itself; raises `ValueError` when `bounded_lines` had to cut it."""
    if len(raw) > MAX_LINE_BYTES:
        raise ValueError(f"longer than {MAX_LINE_BYTES} bytes")
    return raw


def score_line(line: Line, scorer: Scorer) -> Scored:
    lang = identify(line.text, line.lang or "").code
    target = [line.target] if isinstance(line.target, str) else line.target or []
    found = scorer.score(line.text, lang, target)
    return Scored(found.label, found.score, found.confidence, lang, found.engine, found.reason)


def bounded_lines(stream: Any) -> Iterator[bytes]:
    """Lines of a binary stream; one over `MAX_LINE_BYTES` is cut there and its rest skipped."""
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            while (more := stream.readline(MAX_LINE_BYTES)) and not more.endswith(b"\n"):
                pass
        yield raw
