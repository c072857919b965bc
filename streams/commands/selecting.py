"""Which mentions: the options that commands share, as the filter that they ask for."""

from typing import Annotated, Any, cast

import msgspec
import typer

from streams.commands.common import parse_moment
from streams.errors import ConfigError
from streams.records import LABELS, SentimentLabel
from streams.store.port import Filter

QueryArgument = Annotated[str, typer.Argument(help='Words and "phrases"; word* is a prefix.')]
TopicOption = Annotated[list[str] | None, typer.Option("--topic", help="Topic id; repeatable.")]
SinceOption = Annotated[str | None, typer.Option(help="From: a time, a date, or an age: 24h, 7d.")]
UntilOption = Annotated[str | None, typer.Option(help="Up to, exclusive.")]
SentimentOption = Annotated[
    list[str] | None, typer.Option("--sentiment", help="pos, neg, neu or unscored; repeatable.")
]
LangOption = Annotated[list[str] | None, typer.Option("--lang", help="Language; repeatable.")]
SourceOption = Annotated[list[str] | None, typer.Option("--source", help="Source; repeatable.")]


class Selection(msgspec.Struct, frozen=True):
    """What was said of the mentions that are wanted."""

    query: str
    topics: list[str] | None
    since: str | None
    until: str | None
    sentiments: list[str] | None
    langs: list[str] | None
    sources: list[str] | None

    def where(self) -> Filter:
        """Raises `ConfigError` that names the option."""
        for one in self.sentiments or ():
            if one not in LABELS:
                raise ConfigError(
                    f"--sentiment {one!r}: unknown. Remedy: one of {', '.join(LABELS)}"
                )
        return Filter(
            text=self.query,
            topics=tuple(self.topics or ()),
            sentiments=cast("tuple[SentimentLabel, ...]", tuple(self.sentiments or ())),
            langs=tuple(self.langs or ()),
            sources=tuple(self.sources or ()),
            since=parse_moment(self.since, "--since"),
            until=parse_moment(self.until, "--until"),
        )

    def given(self) -> dict[str, Any]:
        """What was said, by the names of the options; what was not is left out."""
        options = {
            "the query": self.query,
            "--topic": self.topics,
            "--since": self.since,
            "--until": self.until,
            "--sentiment": self.sentiments,
            "--lang": self.langs,
            "--source": self.sources,
        }
        return {name: value for name, value in options.items() if value}
