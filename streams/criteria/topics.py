"""Topics: the thematic criteria as people write them in `topics.yaml`."""

from typing import Any, Literal

import msgspec


class Topic(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One theme to watch.

    `query` is in Veille's query language (`docs/query-language.md`); `operator` is what joins
    clauses that merely stand side by side. `languages` are ISO 639-1 codes; empty means any.
    `matches` and `rejects` are samples that `veille topics check` tries: a text, or the fields
    of a post. `target` lists the names sentiment is measured towards. `line` is where the topic
    stands in its file (0: not from a file); it can't be set there.
    """

    id: str
    query: str
    name: str = ""
    operator: Literal["AND", "OR"] = "AND"
    languages: list[str] = []
    matches: list[str | dict[str, Any]] = []
    rejects: list[str | dict[str, Any]] = []
    target: list[str] = []
    line: int = 0
