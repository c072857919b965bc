"""`veille score`: sentiment of texts, line by line, and why."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import typer

from streams.commands.common import (
    FAILED,
    ConfigOption,
    counted,
    err,
    load_settings,
    out,
    write_lines,
)
from streams.commands.explained import rendered
from streams.records import Sentiment
from streams.sentiment.explained import Explained
from streams.sentiment.language import identify
from streams.sentiment.scorer import Explainer, Scorer, build_scorer

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
    scope: str = "post"


class Unread(NamedTuple):
    """A line that could not be read, and why."""

    reason: str


Answer = Callable[[Line, Scorer], Scored | Explained]


def score(
    *,
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts; without any, lines of standard input.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show which words made each score.")
    ] = False,
    target: Annotated[
        list[str] | None, typer.Option(help="Whom or what it is about, where a line has none.")
    ] = None,
    lang: Annotated[str, typer.Option(help="Language tag, where a line has none.")] = "",
    engine: Annotated[str, typer.Option(help="Who judges \\[default: sentiment.engine].")] = "",
    model_dir: Annotated[
        Path | None, typer.Option(help="Model of the engine transformers \\[default: settings].")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON value a line, with --explain too.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Score texts, given here or as lines of standard input: {"text", "lang"?, "target"?} each.

    Prints one JSON line each, in order: label, score, confidence, lang, engine, reason, scope.
    With --explain a picture instead: the words that spoke, and how loudly.

    [bold]Example[/bold]: veille score --explain "Lovely staff but an awful room"
    """
    settings = load_settings(config).sentiment
    if model_dir is not None:
        settings = settings.model_copy(update={"model_dir": model_dir})
    scorer = build_scorer(engine, settings)
    if explain and not isinstance(scorer, Explainer):
        err.print(f"the engine {engine or settings.engine} can't tell which words made a score")
    failures = [0]
    lines = _counted(_given(texts) if texts else _read(sys.stdin.buffer), failures)
    asked = (_filled(line, lang, target) for line in lines)
    if explain and not as_json:
        _show(asked, scorer)
    else:
        write_lines(_encoded(asked, scorer, explain_line if explain else score_line))
    if failures[0]:
        failed = counted(failures[0], "line")
        err.print(f"{failed} could not be read; each says why in its `reason`")
        raise typer.Exit(FAILED)


def _given(texts: Sequence[str]) -> Iterator[Line]:
    """The texts of the command line, whose bytes need not be UTF-8."""
    for text in texts:
        yield Line(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _read(stream: Any) -> Iterator[Line | Unread]:
    decode = msgspec.json.Decoder(Line).decode
    for number, raw in enumerate(bounded_lines(stream), 1):
        if not raw.strip():
            continue
        try:
            yield decode(whole(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            yield Unread(f"line {number}: {error}")


def _counted(lines: Iterator[Line | Unread], failures: list[int]) -> Iterator[Line | Unread]:
    for line in lines:
        failures[0] += isinstance(line, Unread)
        yield line


def _filled(line: Line | Unread, lang: str, target: list[str] | None) -> Line | Unread:
    """The line with what the command line says in place of what it does not."""
    if isinstance(line, Unread):
        return line
    return Line(line.text, line.lang or lang, line.target or target)


def _encoded(lines: Iterator[Line | Unread], scorer: Scorer, answer: Answer) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode
    for line in lines:
        if not isinstance(line, Unread):
            yield encode(answer(line, scorer))
        elif answer is explain_line:
            yield encode(_unexplained(line))
        else:
            yield encode(Scored("unscored", 0.0, 0.0, "und", "", line.reason))


def _unexplained(line: Unread) -> Explained:
    return Explained(Sentiment(label="unscored", reason=line.reason), [])


def _show(lines: Iterator[Line | Unread], scorer: Scorer) -> None:
    for line in lines:
        if isinstance(line, Unread):
            out.print(rendered("", "und", _unexplained(line)))
        else:
            lang, target = _known(line)
            out.print(rendered(line.text, lang, explain_line(line, scorer), target))


def _known(line: Line) -> tuple[str, list[str]]:
    """The language of a line, identified, and the names of its target."""
    target = [line.target] if isinstance(line.target, str) else line.target or []
    return identify(line.text, line.lang or "").code, target


def score_line(line: Line, scorer: Scorer) -> Scored:
    lang, target = _known(line)
    found = scorer.score(line.text, lang, target)
    return Scored(
        found.label,
        found.score,
        found.confidence,
        lang,
        found.engine,
        found.reason,
        found.scope,
    )


def explain_line(line: Line, scorer: Scorer) -> Explained:
    """The judgement and its parts; no parts from an engine that can't tell them."""
    lang, target = _known(line)
    if isinstance(scorer, Explainer):
        return scorer.explain(line.text, lang, target)
    return Explained(scorer.score(line.text, lang, target), [])


def whole(raw: bytes) -> bytes:
    """The line itself; raises `ValueError` when `bounded_lines` had to cut it."""
    if len(raw) > MAX_LINE_BYTES:
        raise ValueError(f"longer than {MAX_LINE_BYTES} bytes")
    return raw


def bounded_lines(stream: Any) -> Iterator[bytes]:
    """Lines of a binary stream; one over `MAX_LINE_BYTES` is cut there and its rest skipped."""
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            while (more := stream.readline(MAX_LINE_BYTES)) and not more.endswith(b"\n"):
                pass
        yield raw
