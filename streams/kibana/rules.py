"""Alerting rules and whom they tell, as people write them in `config/kibana/rules.yaml`, and the
payloads that Kibana's API takes.

All are rules of Kibana's type `.es-query`: a query, counted or measured over the last minutes.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from streams.kibana import checking, kql, reading
from streams.kibana.definitions import Id, Language, Text, View, ViewName
from streams.kibana.fields import field_of
from streams.settings import shipped_config

FIRED: Final = "query matched"
ENDED: Final = "recovered"
"""The groups of actions of an `.es-query` rule."""
_MARK: Final = "veille-rule-"
"""What the tag of a rule begins with that tells its id here, by which a rule of ours is known."""
_GROUPS: Final = 100
_HITS: Final = 10
_PLACEHOLDER: Final = re.compile(r"\$\{\w+\}")
_Times = Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,3}[smhd]$")]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mapping without unknown keys."""


class Connector(_Strict, frozen=True, kw_only=True):
    """Where rules send to. Values may hold `${NAME}` or `${NAME:-default}`, taken from the
    environment; `secrets` are `${NAME}` alone. `send` is what an action sends: `{title}`,
    `{message}` and `{pages}` are filled in here, what is in double braces by Kibana."""

    id: Id
    type: Literal[".server-log", ".email", ".webhook", ".slack"]
    name: str
    config: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    send: dict[str, Any]

    def __post_init__(self) -> None:
        for key, value in self.secrets.items():
            if not _PLACEHOLDER.fullmatch(value):
                raise ValueError(f"secrets.{key} is written out: name a variable, as ${{NAME}}")

    @property
    def object_id(self) -> str:
        """Its id in Kibana."""
        return _uuid("connector", self.id)


class Rule(_Strict, frozen=True, kw_only=True):
    """Looks `every` so often at what came in the last `window` by the field `time` (the view's
    own, unless given), and rings where the `figure` (of the field `of`; `by` each value of a field)
    lies `above` or `below` a number."""

    id: Id
    name: Text
    view: ViewName
    where: str = ""
    time: str = ""
    window: _Times
    every: _Times = "1m"
    figure: Literal["count", "min", "max", "avg", "sum"] = "count"
    of: str = ""
    by: str = ""
    above: float | None = None
    below: float | None = None
    message: Text
    ended: Text | None = None

    def __post_init__(self) -> None:
        if (self.above is None) == (self.below is None):
            raise ValueError("needs one of above and below")
        if (self.figure == "count") == bool(self.of):
            raise ValueError("`of` is the field of every figure but count")

    @property
    def object_id(self) -> str:
        """Its id in Kibana."""
        return _uuid("rule", self.id)


class Rules(_Strict, frozen=True, kw_only=True):
    """All of a file."""

    connectors: list[Connector]
    rules: list[Rule]


def shipped_rules() -> Path:
    """The file that comes with Veille."""
    return shipped_config() / "kibana" / "rules.yaml"


def load(path: Path | None = None) -> Rules:
    """Read a file of rules. Raises `ConfigError` naming file, rule, field and remedy."""
    path = path or shipped_rules()
    found = reading.read(path, Rules)
    for rule in found.rules:
        checking.look(f"{path}: rule {rule.id}", rule.view, uses(rule))
    return found


def payload(
    rule: Rule, view: View, language: Language, *, prefix: str, actions: list[dict[str, Any]]
) -> dict[str, Any]:
    """What Kibana's API takes for a new rule."""
    return {
        "name": rule.name.told(language),
        "rule_type_id": ".es-query",
        "consumer": "stackAlerts",
        "enabled": True,
        "schedule": {"interval": rule.every},
        "tags": ["veille", _MARK + rule.id],
        "params": params(rule, view, prefix),
        "actions": actions,
    }


def own_id(found: dict[str, Any]) -> str:
    """The id here of a rule that Kibana has; empty for one that Veille did not bring."""
    marks = (tag.removeprefix(_MARK) for tag in found["tags"] if tag.startswith(_MARK))
    return next((name for name in marks if _uuid("rule", name) == found["id"]), "")


def params(rule: Rule, view: View, prefix: str) -> dict[str, Any]:
    """The parameters of an `.es-query` rule."""
    query = kql.query(kql.parse(rule.where), lambda field: field_of(rule.view, field).mapped)
    measured = {"aggType": rule.figure} | ({"aggField": rule.of} if rule.of else {})
    grouped: dict[str, Any] = {"groupBy": "all"}
    if rule.by:
        grouped = {"groupBy": "top", "termField": rule.by, "termSize": _GROUPS}
    return {
        "searchType": "esQuery",
        "index": [f"{prefix}-{rule.view}"],
        "timeField": rule.time or view.time,
        "esQuery": json.dumps({"query": query}),
        "size": _HITS,
        "thresholdComparator": ">" if rule.above is not None else "<",
        "threshold": [rule.above if rule.above is not None else rule.below],
        "timeWindowSize": int(rule.window[:-1]),
        "timeWindowUnit": rule.window[-1],
        "excludeHitsFromPreviousRun": False,
        **measured,
        **grouped,
    }


def actions(
    rule: Rule, connectors: list[Connector], language: Language, pages: str
) -> list[dict[str, Any]]:
    """What each connector sends, once when the rule rings and once when that is over."""
    told = [(FIRED, rule.message)] + ([(ENDED, rule.ended)] if rule.ended else [])
    return [
        {
            "id": connector.object_id,
            "group": group,
            "params": _sent(connector, rule.name.told(language), text.told(language), pages),
            "frequency": {
                "summary": False,
                "notify_when": "onActionGroupChange",
                "throttle": None,
            },
        }
        for connector in connectors
        for group, text in told
    ]


def _sent(connector: Connector, title: str, message: str, pages: str) -> dict[str, Any]:
    """A body is JSON in a text, as webhooks take it."""
    words = {"{title}": title, "{message}": message, "{pages}": pages.rstrip("/")}
    sent: dict[str, Any] = _filled(connector.send, words)
    if isinstance(sent.get("body"), dict):
        sent["body"] = json.dumps(sent["body"], ensure_ascii=False)
    return sent


def _filled(value: Any, words: dict[str, str]) -> Any:
    match value:
        case str():
            for word, meant in words.items():
                value = value.replace(word, meant)
            return value
        case dict():
            return {key: _filled(inner, words) for key, inner in value.items()}
        case list():
            return [_filled(inner, words) for inner in value]
        case _:
            return value


def uses(rule: Rule) -> Iterator[checking.Use]:
    """The fields that a rule leans on, its view's own field of time left out."""
    yield from checking.queried(rule.where)
    for field, what in ((rule.time, "date"), (rule.by, "terms"), (rule.of, "average")):
        if field:
            yield checking.Use(field, what)


def _uuid(kind: str, name: str) -> str:
    """An id that is the same each time and looks random: Kibana refuses a chosen one for objects
    with secrets."""
    raw = hashlib.blake2b(f"veille/{kind}/{name}".encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=raw, version=4))
