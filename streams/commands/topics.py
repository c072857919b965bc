"""`veille topics`: check the criteria, and try posts against them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from connectors.mapping import Mapper, Rules
from streams import settings as settings_module
from streams.commands.common import (
    FAILED,
    ConfigOption,
    JsonOption,
    err,
    out,
    print_json,
    write_lines,
)
from streams.commands.score import bounded_lines, whole
from streams.criteria.check import check as check_topics
from streams.criteria.loading import load_topics
from streams.criteria.matcher import Matcher
from streams.criteria.matcher import compile as compile_topics
from streams.sentiment.language import identify

topics = typer.Typer(help="Thematic criteria: check them, try them.", no_args_is_help=True)

TopicsOption = Annotated[
    Path | None, typer.Option("--topics", help="A topics file, YAML or JSON [default: config]")
]


class Matched(msgspec.Struct, omit_defaults=True):
    """One line of `veille topics match`."""

    id: Any
    topics: list[str]
    error: str = ""


@topics.command()
def check(
    *,
    file: TopicsOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Check every query and its samples; exit code 1 when something is wrong.

    [bold]Example[/bold]: veille topics check --topics my-topics.yaml
    """
    path = _path(file, config)
    loaded = load_topics(path)
    findings = check_topics(loaded)
    wrong = sum(finding.severity == "error" for finding in findings)
    if as_json:
        for finding in findings:
            print_json(finding)
    else:
        for finding in findings:
            style = "red" if finding.severity == "error" else "yellow"
            place = f"{path}:{finding.line}" if finding.line else f"{path}"
            out.print(Text(f"{place}: {finding.topic}: {finding.severity}", style))
            out.print(finding.message, markup=False, highlight=False)
        out.print(f"{len(loaded)} topics: {wrong} wrong, {len(findings) - wrong} warnings")
    if wrong:
        raise typer.Exit(FAILED)


@topics.command()
def match(*, file: TopicsOption = None, config: ConfigOption = None) -> None:
    """Read posts as JSON lines from standard input; print the topics each one meets.

    One line a post, in order: {"id": …, "topics": […]}.

    [bold]Example[/bold]: veille topics match --topics topics.yaml < posts.jsonl
    """
    matcher = compile_topics(load_topics(_path(file, config)))
    for topic, reason in matcher.disabled.items():
        err.print(f"{topic}: disabled: {reason}", style="red", markup=False, highlight=False)
    failures = [len(matcher.disabled)]
    write_lines(_matched(matcher, failures))
    if failures[0]:
        raise typer.Exit(FAILED)


def _matched(matcher: Matcher, failures: list[int]) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode
    mapper = Mapper(Rules())
    for number, raw in enumerate(bounded_lines(sys.stdin.buffer), 1):
        if raw.strip():
            found = _match_line(matcher, mapper, raw)
            if found.error:
                failures[0] += 1
                err.print(f"line {number}: {found.error}", style="yellow", markup=False)
            yield encode(found)


def _match_line(matcher: Matcher, mapper: Mapper, raw: bytes) -> Matched:
    given = None
    try:
        row = msgspec.json.decode(whole(raw), type=dict[str, Any])
        given = row.get("id")
        if not any(row.get(name) for name in ("text", "title", "content", "body", "message")):
            return Matched(given, [])  # nothing said, so no topic: not an error
        post = mapper.post(row, raw)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        return Matched(given, [], str(error))
    lang = identify(post.text or post.title, post.lang).code
    return Matched(given, [one.topic for one in matcher.match(post, lang)])


def _path(file: Path | None, config: Path | None) -> Path:
    return file or settings_module.config_dir(config) / "topics.yaml"
