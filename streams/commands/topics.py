"""`veille topics`: check the criteria, try posts against them, explain, bring queries in."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from connectors.mapping import Mapper, Rules
from connectors.post import Post
from streams.alerts.watching import check as check_rules
from streams.commands.common import (
    FAILED,
    ConfigOption,
    JsonOption,
    counted,
    err,
    load_settings,
    out,
    print_json,
    run,
    write_lines,
)
from streams.commands.score import MAX_LINE_BYTES, bounded_lines, whole
from streams.commands.topics_backfill import backfill
from streams.commands.topics_file import FileArgument, TopicsOption, chosen
from streams.commands.topics_history import diff, history, rollback
from streams.commands.topics_searches import searches
from streams.criteria.check import Finding
from streams.criteria.check import check as check_topics
from streams.criteria.cost import Cost, Sample, costs
from streams.criteria.describe import printable
from streams.criteria.explain import Explanation, marked, tree_lines
from streams.criteria.explain import explain as explain_topic
from streams.criteria.importers import brandwatch, google_alerts, query_string
from streams.criteria.importers.files import split_queries, topics_file
from streams.criteria.importers.imported import Imported
from streams.criteria.loading import load_topics
from streams.criteria.matcher import Matcher, anchored
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.errors import ConfigError, QueryError
from streams.sentiment.language import identify
from streams.store import opened_store

_LANGUAGE = re.compile("lang:|stem:", re.IGNORECASE)

topics = typer.Typer(help="Thematic criteria: check them, try them.", no_args_is_help=True)
topics.command()(searches)
topics.command()(history)
topics.command()(diff)
topics.command()(rollback)
topics.command()(backfill)


class Matched(msgspec.Struct, omit_defaults=True):
    """One line of `veille topics match`."""

    id: Any
    topics: list[str]
    error: str = ""


@topics.command()
def check(
    named: FileArgument = None,
    *,
    file: TopicsOption = None,
    sample: Annotated[
        Path | None, typer.Option(help="Posts as JSON lines to measure on: says what each costs.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Check every query and its samples; exit code 1 when something is wrong.

    [bold]Example[/bold]: veille topics check my-topics.yaml --sample posts.jsonl
    """
    path = chosen(named, file, config)
    loaded = load_topics(path)
    check_rules(loaded, path)
    measured = Sample(_in_their_language(_sample_posts(sample), loaded)) if sample else None
    findings = check_topics(loaded, measured, advice=True)
    for finding in findings:
        if as_json:
            print_json(finding)
        else:
            _print_finding(finding, path)
    if measured:
        _print_costs(costs(loaded, measured), as_json=as_json)
    counts = Counter(finding.severity for finding in findings)
    if not as_json:
        out.print(
            f"{counted(len(loaded), 'topic')}: {counts['error']} wrong, "
            f"{counted(counts['warning'], 'warning')}, "
            f"{counted(counts['advice'], 'piece of advice', 'pieces of advice')}"
        )
    if counts["error"]:
        raise typer.Exit(FAILED)


def _print_finding(finding: Finding, path: Path) -> None:
    style = {"error": "red", "warning": "yellow"}.get(finding.severity, "cyan")
    place = f"{path}:{finding.line}" if finding.line else f"{path}"
    out.print(Text(f"{place}: {finding.topic}: {finding.severity}", style), soft_wrap=True)
    # Unwrapped, for a caret under a broken line points nowhere.
    out.print(Text(printable(finding.message)), soft_wrap=True)


def _print_costs(found: list[Cost], *, as_json: bool) -> None:
    if as_json:
        for cost in found:
            print_json(cost)
        return
    table = Table("topic", "tried on", "met by", "tried because of", box=None)
    for cost in sorted(found, key=lambda cost: -cost.tried):
        keys = ", ".join(cost.keys[:3]) + (" …" if len(cost.keys) > 3 else "")
        table.add_row(cost.topic, f"{cost.tried:.2%}", f"{cost.met or 0:.2%}", Text(keys))
    out.print(table)


def _sample_posts(path: Path) -> Iterator[Post]:
    """The posts of a file of JSON lines; lines that are none are counted and told."""
    mapper, bad = Mapper(Rules()), 0
    try:
        opened = path.open("rb")
    except OSError as error:
        raise ConfigError(f"--sample {path}: {error.strerror}. Remedy: name a file") from None
    with opened as lines:
        for raw in bounded_lines(lines):
            try:
                if raw.strip():
                    yield mapper.post(msgspec.json.decode(whole(raw), type=dict[str, Any]), raw)
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
                bad += 1
    if bad:
        told = counted(bad, "line is no post", "lines are no posts")
        err.print(f"{path}: {told}", style="yellow", markup=False)


def _in_their_language(posts: Iterator[Post], loaded: Sequence[Topic]) -> Iterator[Post]:
    """The posts with their language identified, if a topic asks for it: that takes a while."""
    asked = any(t.languages or t.stem or _LANGUAGE.search(t.query) for t in loaded)
    for post in posts:
        lang = identify(post.text or post.title, post.lang).code if asked else post.lang
        yield msgspec.structs.replace(post, lang=lang)


@topics.command()
def match(
    named: FileArgument = None, *, file: TopicsOption = None, config: ConfigOption = None
) -> None:
    """Read posts as JSON lines from standard input; print the topics each one meets.

    One line a post, in order: {"id": …, "topics": […]}.

    [bold]Example[/bold]: veille topics match topics.yaml < posts.jsonl
    """
    matcher = compile_topics(load_topics(chosen(named, file, config)))
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


@topics.command()
def explain(
    topic: Annotated[str, typer.Argument(help="The topic's id.")],
    post: Annotated[
        str, typer.Argument(help="A JSON file with a post, - for standard input, or a mention id.")
    ] = "",
    *,
    text: Annotated[str, typer.Option(help="A text instead of a post.")] = "",
    lang: Annotated[str, typer.Option(help="The post's language \\[default: identified].")] = "",
    file: TopicsOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Tell why a post meets a topic, clause by clause, or why it does not.

    [bold]Example[/bold]: veille topics explain outage --text "Cloud outage takes shops offline"
    """
    wanted = _topic(chosen(None, file, config), topic)
    subject = _subject(post, text, config)
    tag = lang or identify(subject.text or subject.title, subject.lang).code
    explanation = explain_topic(wanted, subject, tag)
    if as_json:
        print_json(explanation)
    else:
        _print_explanation(explanation, subject)


def _topic(path: Path, topic_id: str) -> Topic:
    loaded = {topic.id: topic for topic in load_topics(path)}
    if topic_id in loaded:
        return loaded[topic_id]
    near = get_close_matches(topic_id, loaded, 1)
    remedy = f"did you mean {near[0]}?" if near else f"one of: {', '.join(list(loaded)[:20])}"
    raise ConfigError(f"{path}: no topic {topic_id!r}. Remedy: {remedy}")


def _subject(given: str, text: str, config: Path | None) -> Post:
    if bool(given) == bool(text):
        raise ConfigError("Which post? Remedy: a file, -, or a mention id; or --text with a text")
    if text:
        return _read_post(msgspec.json.encode({"text": text}), "--text")
    if given == "-":
        return _read_post(sys.stdin.buffer.read(MAX_LINE_BYTES + 1), "standard input")
    if Path(given).is_file():
        with Path(given).open("rb") as opened:
            return _read_post(opened.read(MAX_LINE_BYTES + 1), given)
    return run(_stored(given, config))  # type: ignore[no-any-return] # `run` is not generic


def _read_post(raw: bytes, place: str) -> Post:
    """A post, a mention as `veille export` writes it, or any row with a text."""
    try:
        row = msgspec.json.decode(whole(raw), type=dict[str, Any])
        row = row["post"] if isinstance(row.get("post"), dict) else row
        return Mapper(Rules()).post(row, raw)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ConfigError(f'{place}: not a post: {error}. Remedy: {{"text": "…"}}') from None


async def _stored(mention_id: str, config: Path | None) -> Post:
    async with opened_store(load_settings(config)) as store:
        mention = await store.get(mention_id)
    if mention is None:
        remedy = "give a JSON file, - for standard input, or an id from veille search --json"
        raise ConfigError(f"{mention_id!r}: neither a file nor a stored mention. Remedy: {remedy}")
    return mention.post


def _print_explanation(explanation: Explanation, post: Post) -> None:
    style = "green" if explanation.met else "red"
    answer = "meets the query" if explanation.met else "does not meet the query"
    lines = [f"{failure.query}\n    {failure.reason}" for failure in explanation.failed]
    out.print(Text(f"{explanation.topic}: the post {answer}", style))
    if lines:
        out.print("Why not, the deepest clause first:")
        numbered = (f"  {number}. {line}" for number, line in enumerate(lines, 1))
        out.print(Text(printable("\n".join(numbered))))
    out.print("The query, clause by clause (✓ met, ✗ not met, ◀ decisive):")
    tree = "\n".join(f"  {line}" for line in tree_lines(explanation, post))
    out.print(Text(printable(tree)), soft_wrap=True)
    shown = printable(marked(post, explanation.spans))
    out.print(Text(f"The post, in {explanation.lang}:\n{shown}"))


@topics.command("import")
def import_(
    file: Annotated[str, typer.Argument(help="A file with queries, or - for standard input.")],
    *,
    dialect: Annotated[
        str, typer.Option("--from", help="query_string, brandwatch or google-alerts.")
    ],
    operator: Annotated[
        str, typer.Option(help="query_string: the default_operator it was used with.")
    ] = "OR",
    as_json: Annotated[bool, typer.Option("--json", help="A topics file in JSON.")] = False,
) -> None:
    """Turn queries of other tools into a topics file; what was lost goes to standard error.

    [bold]Example[/bold]: veille topics import --from google-alerts alerts.txt > topics.yaml
    """
    translate = _importer(dialect, operator)
    found, failed = [], 0
    for number, (name, query) in enumerate(split_queries(_read_queries(file), dialect), 1):
        lost: list[str] = []
        try:
            imported = translate(query)
            lost = imported.lost
            topic = Topic(id=f"imported-{number}", name=name, query=imported.query)
            anchored(topic)
            found.append(topic)
        except QueryError as error:
            failed += 1
            err.print(Text(printable(f"query {number}: {error}"), "red"), soft_wrap=True)
        for sentence in lost:
            err.print(Text(printable(f"query {number}: {sentence}"), "yellow"), soft_wrap=True)
    sys.stdout.buffer.write(topics_file(found, as_json=as_json))
    sys.stdout.flush()
    queries = counted(failed, "query", "queries")
    err.print(f"{counted(len(found), 'topic')}; {queries} could not be carried over")
    if failed:
        raise typer.Exit(FAILED)


def _importer(dialect: str, operator: str) -> Callable[[str], Imported]:
    if operator not in {"AND", "OR"}:
        raise ConfigError(f"--operator {operator!r}: not an operator. Remedy: AND or OR")
    known: dict[str, Callable[[str], Imported]] = {
        "query_string": partial(
            query_string.translate, operator="AND" if operator == "AND" else "OR"
        ),
        "brandwatch": brandwatch.translate,
        "google-alerts": google_alerts.translate,
    }
    if dialect not in known:
        raise ConfigError(f"--from {dialect!r}: unknown. Remedy: one of {', '.join(known)}")
    return known[dialect]


def _read_queries(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}. Remedy: name a file in UTF-8, or -") from None
