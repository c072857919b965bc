"""Every figure of every dashboard, on a real Elasticsearch with known data.

No Kibana runs here: what it would ask is made of the saved objects themselves.
"""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import pytest
from elasticsearch import Elasticsearch as Client

from streams.cli import run
from streams.kibana import answers, rules, watching
from streams.kibana.answers import OTHER, Row
from streams.kibana.asking import Question, Questions, Span
from streams.kibana.definitions import LANGUAGES, Bucket, Definitions, Language
from streams.kibana.export import objects
from streams.kibana.reading import load
from tests.support.kibana_known import (
    DAY,
    FIGURES,
    HEALTH,
    INCIDENTS,
    LETTERS,
    LISTS,
    MENTIONS,
    RINGING,
    THRESHOLDS,
    at,
)
from tests.support.mentions import elasticsearch_case
from tests.support.servers import Elasticsearch

SPAN = Span(DAY, DAY + timedelta(hours=23, minutes=59))
pytestmark = pytest.mark.elasticsearch


class Known(NamedTuple):
    """A server with the known data, under a prefix of its own."""

    url: str
    client: Client
    prefix: str

    def rows(self, asked: dict[Any, Question]) -> dict[Any, list[Row]]:
        """What each shows, all asked at once; then the rest that Kibana asks for afterwards."""
        found = self._ask(asked)
        shown = {key: answers.rows(asked[key], answer) for key, answer in found.items()}
        later = {key: answers.other(asked[key], answer) for key, answer in found.items()}
        rest = {key: question for key, question in later.items() if question is not None}
        for key, answer in (self._ask(rest) if rest else {}).items():
            shown[key] += answers.rows(rest[key], answer)
        return shown

    def _ask(self, asked: dict[Any, Question]) -> dict[Any, dict[str, Any]]:
        searches = [part for one in asked.values() for part in ({"index": one.index}, one.body)]
        found = self.client.msearch(searches=searches)["responses"]
        told = dict(zip(asked, found, strict=True))
        assert not {key: answer["error"] for key, answer in told.items() if "error" in answer}
        return told


@pytest.fixture(scope="module")
def known(elasticsearch: Elasticsearch) -> Iterator[Known]:
    with asyncio.Runner() as runner:
        made = elasticsearch_case(elasticsearch.url)
        case = runner.run(made.__aenter__())
        runner.run(case.store.write(MENTIONS))
        for incident in INCIDENTS:
            runner.run(case.store.put_state("incident", incident.id, msgspec.to_builtins(incident)))
        with Client(elasticsearch.url, request_timeout=120) as client:
            for name, documents in (("health", HEALTH), ("dead-letters", LETTERS)):
                for document in documents:
                    clock = "at" if "at" in document else "@timestamp"
                    body = document | {clock: at(str(document[clock]))}
                    client.index(index=f"{case.prefix}-{name}", document=body)
            client.indices.refresh(index=f"{case.prefix}-*")
            yield Known(elasticsearch.url, client, case.prefix)
        runner.run(made.__aexit__(None, None, None))


def shown(question: Question, rows: list[Row]) -> list[tuple[Any, ...]]:
    """The visible columns; empty bars are left out, filters are told by their place, times by
    their clock."""
    hidden = {name for name in question.columns if "X" in name}
    names = {
        one["label"]: place
        for column in question.columns.values()
        for place, one in enumerate(column.get("params", {}).get("filters", []), 1)
    }
    lines = []
    for row in rows:
        values = {name: value for name, value in row.items() if name not in hidden}
        if any(value for name, value in values.items() if name not in ("x", "split")):
            lines.append(tuple(_plain(value, names) for value in values.values()))
    return lines


def _plain(value: Any, names: dict[str, int]) -> Any:
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, datetime):
        return f"{value.hour}:{value.minute:02}"
    if isinstance(value, float) and value > 1e12:
        return _plain(datetime.fromtimestamp(value / 1000, UTC), names)
    return round(value, 4) if isinstance(value, float) else value


def asked(
    known: Known, language: Language, definitions: Definitions | None = None
) -> dict[Any, Question]:
    found = Questions(objects(definitions or load(), language, prefix=known.prefix))
    boards = {
        (board, panel): question
        for board in found.dashboards()
        for panel, question in found.panels(board, SPAN)
    }
    return boards | dict(found.searches(SPAN))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_panel_shows_the_known_figures(known: Known, language: Language) -> None:
    every = asked(known, language)
    rows = known.rows(every)
    found: dict[str, dict[str, Any]] = {}
    for key, question in every.items():
        if isinstance(key, tuple):
            found.setdefault(key[0], {})[key[1]] = shown(question, rows[key])
    assert found == FIGURES
    assert {key: len(rows[key]) for key in every if not isinstance(key, tuple)} == LISTS


def test_every_field_is_there_and_does_what_is_asked_of_it(known: Known) -> None:
    for key, question in asked(known, "en").items():
        wanted = sorted(question.fields)
        told = known.client.field_caps(index=question.index, fields=wanted)["fields"]
        lacking = {field for field in wanted if field not in told}
        dumb = {field for field in question.aggregated if not _aggregatable(told.get(field, {}))}
        assert (lacking, dumb) == (set(), set()), key


def _aggregatable(capable: dict[str, Any]) -> bool:
    return all(kind["aggregatable"] for kind in capable.values())


def test_what_is_left_is_added_up_where_a_panel_says_so(known: Known) -> None:
    every = asked(known, "en", _with(x=Bucket(terms="post.source", size=1, other=True)))
    voice = {"voice": every["veille-reputation", "voice"]}
    assert shown(voice["voice"], known.rows(voice)["voice"]) == [("mastodon", 4), (OTHER, 2)]


def test_every_rule_rings_for_what_it_should(known: Known) -> None:
    assert {clock: _ringing(known, at(clock)) for clock in RINGING} == RINGING


def _ringing(known: Known, now: datetime) -> dict[str, Any]:
    """What rings at a time, which stands for the server's own `now`, too."""
    found, definitions = {}, load()
    for rule in rules.load().rules:
        params = rules.params(rule, definitions.view(rule.view), known.prefix)
        params["threshold"] = [THRESHOLDS.get(rule.id, params["threshold"][0])]
        params["esQuery"] = params["esQuery"].replace("now-", f"{now.isoformat()}||-")
        answer = known.client.search(index=params["index"], **watching.body(params, now))
        if rings := watching.ringing(params, answer.body):
            found[rule.id] = rings
    return found


def test_the_check_finds_nothing_wrong(
    known: Known, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VEILLE_STORE__URL", known.url)
    monkeypatch.setenv("VEILLE_STORE__PREFIX", known.prefix)
    assert run(["kibana", "check", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    every = len(asked(known, "en")) + len(rules.load().rules)
    assert told == {"asked": every, "problems": []}


def test_a_field_that_is_gone_is_told_with_its_panel(
    known: Known, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An index of an older mapping: one field is missing, another is of a type that can't be
    added up; the other indices are not there at all."""
    index = f"{known.prefix}-old-health"
    fields: dict[str, Any] = {name: {"type": "keyword"} for name in ("kind", "id", "state")}
    fields |= {"@timestamp": {"type": "date"}, "lag": {"type": "text"}}
    known.client.indices.create(index=index, mappings={"properties": fields})
    monkeypatch.setenv("VEILLE_STORE__URL", known.url)
    monkeypatch.setenv("VEILLE_STORE__PREFIX", f"{known.prefix}-old")
    assert run(["kibana", "check"]) == 1
    told = capsys.readouterr().err
    assert f"pipeline.yaml: panel rate: field 'rate' is not in {index}. Remedy: veille" in told
    assert f"panel behind: field 'lag' can't be told apart or added up in {index}." in told
    assert f"panel dead: asks an index that is not there: {known.prefix}-old-dead-letters" in told
    assert "rules.yaml: rule lag: field 'lag' can't be told apart or added up" in told
    assert "panel states" not in told


def _with(**changes: Any) -> Definitions:
    """The shipped definitions with another share of voice."""
    found = load()
    boards = [
        msgspec.structs.replace(
            board,
            panels=[
                msgspec.structs.replace(panel, **changes) if panel.id == "voice" else panel
                for panel in board.panels
            ],
        )
        for board in found.dashboards
    ]
    return msgspec.structs.replace(found, dashboards=boards)
