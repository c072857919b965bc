"""Rules and connectors brought into a Kibana, one request each."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from streams.kibana.client import Kibana, KibanaError
from streams.kibana.definitions import Definitions, Language
from streams.kibana.rules import Connector, Rule, Rules, actions, own_id, payload

Does = Literal["create", "replace", "leave", "skip", "fail", "gone", "remove"]
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::-([^}]+))?\}")
_FIXED: Final = ("rule_type_id", "consumer", "enabled", "connector_type_id")
"""What Kibana takes for a new one alone: a rule that staff turned off stays off."""


class Brought(msgspec.Struct, frozen=True):
    """What was, or would be, done with a rule or a connector. `skip`: its variables are not set;
    `gone`: of an earlier Veille, and left."""

    kind: Literal["rule", "connector"]
    id: str
    name: str
    does: Does
    reason: str = ""


class Bringing(msgspec.Struct, frozen=True, kw_only=True):
    """How rules are brought: `environ` fills in the connectors' variables; what is there already
    is left unless `overwrite`; `prune` takes away rules that Veille has no more; `dry_run` changes
    nothing, and tells of those all the same."""

    language: Language
    prefix: str
    pages: str
    environ: Mapping[str, str]
    overwrite: bool = False
    prune: bool = False
    dry_run: bool = False


def bring(
    server: Kibana, rules: Rules, definitions: Definitions, how: Bringing
) -> Iterator[Brought]:
    """Connectors first, then the rules that send by those which are there. Raises `KibanaError`
    where Kibana does not tell what it has; a refusal of one is told and the rest goes on."""
    listed = server.ask("GET", "/api/actions/connectors")
    there = {one["id"] for one in listed}
    ready: list[Connector] = []
    for connector in rules.connectors:
        done = _connector(server, connector, connector.object_id in there, how)
        yield done
        if done.does not in ("skip", "fail") and not _lacking(connector.send, how.environ):
            sent = _set(connector.send, how.environ, typed=False)
            ready.append(msgspec.structs.replace(connector, send=sent))
    found = server.ask(
        "GET",
        "/api/alerting/rules/_find",
        params={"search_fields": "tags", "search": "veille", "per_page": 1000},
    )
    known = {one["id"] for one in found["data"]}
    for rule in rules.rules:
        body = payload(
            rule,
            definitions.view(rule.view),
            how.language,
            prefix=how.prefix,
            actions=actions(rule, ready, how.language, how.pages),
        )
        yield _rule(server, rule, body, rule.object_id in known, how)
    if how.prune or how.dry_run:
        yield from _gone(server, rules, found["data"], how)


def _connector(server: Kibana, connector: Connector, there: bool, how: Bringing) -> Brought:
    lacking = _lacking([connector.config, connector.secrets, connector.send], how.environ)
    if lacking and there:
        return _told(connector, "leave", "is there already")
    if lacking:
        return _told(connector, "skip", f"to have it, set {', '.join(lacking)}")
    body: dict[str, Any] = {
        "name": connector.name,
        "connector_type_id": connector.type,
        "config": _set(connector.config, how.environ, typed=True),
        "secrets": _set(connector.secrets, how.environ, typed=False),
    }
    path = f"/api/actions/connector/{connector.object_id}"
    return _told(connector, *_do(server, path, body, there, how))


def _rule(server: Kibana, rule: Rule, body: dict[str, Any], there: bool, how: Bringing) -> Brought:
    path = f"/api/alerting/rule/{rule.object_id}"
    does, reason = _do(server, path, body, there, how)
    return Brought("rule", rule.id, body["name"], does, reason)


def _gone(
    server: Kibana, rules: Rules, found: list[dict[str, Any]], how: Bringing
) -> Iterator[Brought]:
    """Rules of an earlier Veille. Connectors stay: those of people may be among them."""
    ours = {rule.id for rule in rules.rules}
    for one in found:
        name = own_id(one)
        if not name or name in ours:
            continue
        does: Does = "remove" if how.prune else "gone"
        reason = "" if how.prune else "Veille has it no more. Remedy: --prune"
        if how.prune and not how.dry_run:
            try:
                server.ask("DELETE", f"/api/alerting/rule/{one['id']}")
            except KibanaError as error:
                does, reason = "fail", str(error)
        yield Brought("rule", name, one["name"], does, reason)


def _do(
    server: Kibana, path: str, body: dict[str, Any], there: bool, how: Bringing
) -> tuple[Does, str]:
    """Make it, or replace it without what is fixed from the start."""
    if there and not how.overwrite:
        return "leave", "is there already. Remedy: --overwrite"
    does: Does = "replace" if there else "create"
    if how.dry_run:
        return does, ""
    try:
        sent = {key: value for key, value in body.items() if not (there and key in _FIXED)}
        server.ask("PUT" if there else "POST", path, json=sent)
    except KibanaError as error:
        return "fail", str(error)
    return does, ""


def _told(connector: Connector, does: Does, reason: str) -> Brought:
    return Brought("connector", connector.id, connector.name, does, reason)


def _lacking(values: Any, environ: Mapping[str, str]) -> list[str]:
    """The variables that have neither a value nor a default."""
    met = _VARIABLE.findall(msgspec.json.encode(values).decode())
    return sorted({name for name, default in met if not default and name not in environ})


def _set(value: Any, environ: Mapping[str, str], *, typed: bool) -> Any:
    """The variables filled in; a value that is one alone, and a number or a truth, becomes that
    where `typed`."""
    match value:
        case dict():
            return {key: _set(inner, environ, typed=typed) for key, inner in value.items()}
        case list():
            return [_set(inner, environ, typed=typed) for inner in value]
        case str():
            said = _VARIABLE.sub(lambda met: environ.get(met[1], met[2] or ""), value)
            return _typed(said) if typed and _VARIABLE.fullmatch(value) else said
        case _:
            return value


def _typed(said: str) -> Any:
    if said in ("true", "false"):
        return said == "true"
    return int(said) if said.isdecimal() else said
