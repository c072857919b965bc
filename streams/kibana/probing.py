"""Whether a real Elasticsearch can answer what Kibana will ask of it: each field is looked up, and
each question asked."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError

from streams.kibana import watching
from streams.kibana.asking import Question
from streams.kibana.definitions import View
from streams.kibana.rules import Rule, params, uses

_MIGRATE: Final = "veille store init, then veille store migrate"


class Problem(msgspec.Struct, frozen=True):
    """A question that can't be answered: `place` is where it is asked, `field` what is missing or
    can't do what is asked, if it is that."""

    place: str
    index: str
    field: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        field = f"field {self.field!r} " if self.field else ""
        return f"{self.place}: {field}{self.reason} {self.index}. Remedy: {self.remedy}"


def of_rule(rule: Rule, view: View, prefix: str, now: datetime) -> Question:
    """What Kibana asks for a rule at `now`."""
    asked = params(rule, view, prefix)
    named = list(uses(rule))
    return Question(
        index=asked["index"][0],
        body=watching.body(asked, now),
        fields={asked["timeField"], *(use.field for use in named)},
        aggregated={asked["timeField"], *(use.field for use in named if use.what != "where")},
    )


async def probe(client: AsyncElasticsearch, asked: Mapping[str, Question]) -> list[Problem]:
    """What is wrong with questions, by the place of each. One request an index, then one each."""
    capable: dict[str, dict[str, Any] | None] = {}
    problems: list[Problem] = []
    for place, question in asked.items():
        index = question.index
        if index not in capable:
            capable[index] = await _fields(client, index)
        found = capable[index]
        if found is None:
            problems.append(Problem(place, index, "", "asks an index that is not there:", _MIGRATE))
            continue
        wrong = _wrong(place, question, found)
        problems += wrong or await _refused(client, place, question)
    return problems


async def _fields(client: AsyncElasticsearch, index: str) -> dict[str, Any] | None:
    try:
        answer = await client.field_caps(index=index, fields="*")
    except NotFoundError:
        return None
    found: dict[str, Any] = answer["fields"]
    return found


def _wrong(place: str, question: Question, found: Mapping[str, Any]) -> list[Problem]:
    index = question.index
    lacking = [
        Problem(place, index, field, "is not in", _MIGRATE)
        for field in sorted(question.fields - found.keys())
    ]
    return lacking + [
        Problem(place, index, field, "can't be told apart or added up in", _MIGRATE)
        for field in sorted(question.aggregated & found.keys())
        if not all(kind["aggregatable"] for kind in found[field].values())
    ]


async def _refused(client: AsyncElasticsearch, place: str, question: Question) -> list[Problem]:
    try:
        await client.search(index=question.index, **question.body)
    except ApiError as error:
        reason = f"is refused ({error.status_code}: {_cause(error)}) by"
        return [Problem(place, question.index, "", reason, "look into Elasticsearch's log")]
    return []


def _cause(error: ApiError) -> str:
    """The innermost reason that the server gives."""
    told = error.body.get("error", {}) if isinstance(error.body, dict) else {}
    causes = told.get("root_cause", []) if isinstance(told, dict) else []
    return str(causes[0].get("reason", error.message)) if causes else error.message
