"""Topics: the thematic criteria as people write them in `topics.yaml`."""

import msgspec


class Topic(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One theme to watch.

    `query` is in Veille's query language (`docs/query-language.md`). `languages` are ISO 639-1
    codes; empty means any. `matches` and `rejects` are sample texts that `veille topics check`
    tries. `target` lists the names sentiment is measured towards.
    """

    id: str
    query: str
    name: str = ""
    languages: list[str] = []
    matches: list[str] = []
    rejects: list[str] = []
    target: list[str] = []
