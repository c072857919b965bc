"""Topics: the thematic criteria as people write them in `topics.yaml`."""

from typing import Any, Literal

import msgspec

from streams.alert_settings import Sensitivity


class Subquery(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of queries that has a name; `line` is where it stands in its file."""

    query: str
    line: int = 0


class Topic(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One theme to watch.

    `query` is in Veille's query language (`docs/query-language.md`); `operator` is what joins
    clauses that merely stand side by side. `languages` are ISO 639-1 codes; empty means any.
    `stem: true` finds every form of the words, `elision: true` the parts beside an apostrophe.
    `queries` are the sub-queries that the query names as `@name`; in a file they stand beside
    the topics. `matches` and `rejects` are samples that `veille topics check` tries: a text, or
    the fields of a post. `target` lists the names sentiment is measured towards. `sensitivity`
    is that of its alerts (empty: the settings'), `urgent: true` has every mention of it alert, and
    `rules` are alerts of your own (`docs/alerts.md`). `line` is where
    the topic stands in its file (0: not from a file); it can't be set there.
    """

    id: str
    query: str
    name: str = ""
    operator: Literal["AND", "OR"] = "AND"
    languages: list[str] = []
    stem: bool = False
    elision: bool = False
    queries: dict[str, Subquery] = {}
    matches: list[str | dict[str, Any]] = []
    rejects: list[str | dict[str, Any]] = []
    target: list[str] = []
    sensitivity: Literal[""] | Sensitivity = ""
    urgent: bool = False
    rules: list[str] = []
    line: int = 0
