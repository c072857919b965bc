"""A topic as a form has it: texts, one sample or rule a line."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from streams.criteria.topics import Topic
from streams.errors import ConfigError
from streams.topics.editing import checked, plain_topic
from streams.topics.layout import Value
from streams.web.topics.live import Topics

SWITCHES: Final = ("stem", "elision", "urgent")
TEXTS: Final = ("id", "name", "query", "operator", "sensitivity")
LISTS: Final = ("target", "rules", "matches", "rejects")
"""One a line."""


PREFIX: Final = "topic-"
"""What the names of the fields begin with: a form has an `id`, a `target`, `matches` of its own."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What the fields of the form hold."""

    id: str = ""
    name: str = ""
    query: str = ""
    operator: str = "AND"
    languages: str = ""
    stem: bool = False
    elision: bool = False
    target: str = ""
    sensitivity: str = ""
    urgent: bool = False
    rules: str = ""
    matches: str = ""
    rejects: str = ""

    def fields(self) -> dict[str, Value]:
        """As a topic has them."""
        lists: dict[str, Value] = {name: _lines(getattr(self, name)) for name in LISTS}
        samples: dict[str, Value] = {
            name: [sample(line) for line in _lines(getattr(self, name))]
            for name in ("matches", "rejects")
        }
        return {
            **{name: getattr(self, name) for name in (*TEXTS, *SWITCHES)},
            "languages": self.languages.replace(",", " ").split(),
            **lists,
            **samples,
        }

    def topic(self, topics: Topics) -> Topic:
        """As it would be watched. Raises `ConfigError`."""
        fields = {**self.fields(), "id": self.id or "new"}
        snapshot = topics.snapshot
        return checked(fields, snapshot) if snapshot else topics.with_queries(plain_topic(fields))


def of_topic(topic: Topic) -> Draft:
    """A topic as the form shows it."""
    return Draft(
        **{name: getattr(topic, name) for name in (*TEXTS, *SWITCHES)},
        languages=", ".join(topic.languages),
        target="\n".join(topic.target),
        rules="\n".join(topic.rules),
        matches="\n".join(map(line, topic.matches)),
        rejects="\n".join(map(line, topic.rejects)),
    )


def of_form(given: Sequence[tuple[str, str]]) -> Draft:
    """What a form sent; line breaks as the file has them."""
    values = {
        name.removeprefix(PREFIX): value.replace("\r\n", "\n").replace("\r", "\n")
        for name, value in given
        if name.startswith(PREFIX)
    }
    texts: dict[str, str] = {
        name: values[name] for name in (*TEXTS, *LISTS, "languages") if name in values
    }
    texts["query"] = texts.get("query", "").rstrip()
    for name in ("id", "name", "operator", "sensitivity"):
        texts[name] = texts.get(name, "").strip()
    texts["operator"] = texts["operator"] or "AND"
    found: dict[str, Any] = {**texts, **{name: bool(values.get(name)) for name in SWITCHES}}
    return Draft(**found)


def sample(text: str) -> str | dict[str, Any]:
    """A sample of one line: a text, or in JSON a text or the fields of a post."""
    if text[:1] in ('"', "{"):
        try:
            return msgspec.json.decode(text, type=str | dict[str, Any])
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return text
    return text


def line(value: str | dict[str, Any]) -> str:
    """A sample in one line, which `sample` reads back."""
    if isinstance(value, str) and value.splitlines() == [value.strip()] and sample(value) == value:
        return value
    return msgspec.json.encode(value).decode()


def _lines(text: str) -> list[str]:
    return [one for line in text.split("\n") if (one := line.strip())]


def merged(base: Draft | None, theirs: Draft, yours: Draft) -> tuple[Draft, list[str]]:
    """What they changed where you did not, what you changed, and the fields that both changed
    (yours are in the draft)."""
    known = base or yours
    taken: dict[str, Any] = {}
    both = []
    for name in Draft.__struct_fields__:
        was, their, your = (getattr(one, name) for one in (known, theirs, yours))
        if your == was and base is not None:
            taken[name] = their
        elif their not in (was, your) or (base is None and their != your):
            both.append(name)
    return msgspec.structs.replace(yours, **taken), both


def checked_id(topic: str) -> str:
    """The id of a new topic. Raises `ConfigError` for one that would be a nuisance."""
    if not topic:
        raise ConfigError("a topic needs an id. Remedy: a short name such as data-breach")
    if len(topic) > 100 or not all(char.isalnum() or char in "-_." for char in topic):
        raise ConfigError(
            f"{topic[:80]!r} can't be an id here. Remedy: letters, digits, -, _ and ., at most 100"
        )
    return topic
