"""`veille topics searches`: what sources that search are asked for, topic by topic."""

from collections.abc import Sequence
from itertools import groupby

import msgspec
from rich.text import Text

from connectors.searches import Search, spaced_or
from streams.commands.common import ConfigOption, JsonOption, out, print_json
from streams.commands.topics_file import FileArgument, TopicsOption, chosen
from streams.criteria import pushdown
from streams.criteria.describe import printable
from streams.criteria.loading import load_topics


class Asked(msgspec.Struct, omit_defaults=True):
    """One line of `--json`: a topic with its searches, any of which finds its posts, each a list
    of words and phrases; or why there are none."""

    topic: str
    searches: list[tuple[str, ...]] = []
    langs: tuple[str, ...] = ()
    wide: str = ""


def searches(
    named: FileArgument = None,
    *,
    file: TopicsOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what sources that search are asked for, and which topics are too wide to be searched.

    [bold]Example[/bold]: veille topics searches my-topics.yaml
    """
    loaded = load_topics(chosen(named, file, config))
    found = pushdown.searches(loaded)
    of = {topic: list(some) for topic, some in groupby(found.searches, lambda one: one.topics[0])}
    wide = {one.topic: one.reason for one in found.wide}
    for topic in loaded:
        asked, reason = of.get(topic.id, []), wide.get(topic.id, "")
        reason = reason if asked or reason else "its query can't be read: veille topics check"
        if as_json:
            print_json(_as_json(topic.id, asked, reason))
        else:
            _print(topic.id, asked, reason)
    if not as_json:
        out.print(f"{len(loaded)} topics: {len(of)} searched for, {len(loaded) - len(of)} not")


def _as_json(topic: str, asked: Sequence[Search], reason: str) -> Asked:
    langs = {lang for one in asked for lang in one.langs} if all(o.langs for o in asked) else set()
    return Asked(topic, [one.words for one in asked], tuple(sorted(langs)), reason)


def _print(topic: str, asked: Sequence[Search], reason: str) -> None:
    if reason:
        out.print(Text(printable(f"{topic}: no search: {reason}"), "yellow"), soft_wrap=True)
        return
    out.print(Text(printable(f"{topic}: {spaced_or(asked)}")), soft_wrap=True)
