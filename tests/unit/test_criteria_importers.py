"""Imported queries find what the old ones found; what is lost is named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from streams.criteria.importers import brandwatch, google_alerts, query_string
from streams.criteria.importers.files import split_queries, topics_file
from streams.criteria.importers.imported import Imported
from streams.criteria.loading import load_topics
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.errors import ConfigError, QueryError
from tests.support.posts import post


def finds(imported: Imported, text: str, **fields: object) -> bool:
    matcher = compile_topics([Topic(id="t", query=imported.query)])
    assert not matcher.disabled, matcher.disabled
    return bool(matcher.match(post(text, **fields), ""))


@pytest.mark.parametrize(
    ("query", "found", "missed"),
    [
        ("acme refund", "a refund", "nothing"),
        ("acme AND refund OR late", "acme refund", "late"),
        ("acme AND refund OR late", "acme refund late", "acme late"),
        ("+acme refund -job", "acme", "acme job"),
        ("acme && !job", "acme", "acme job"),
        ('"late delivery"^3 OR (acme)^0.5', "acme", "delivery late"),
        ('"late delivery"~2', "delivery late", "late and then much later a delivery"),
        ("appl* te?t", "test", "toast"),
        ("wi-fi", "fi", "nothing"),
        (r"rock\'n\'roll", "Rock'n'roll", "rock"),
        ("acme~1", "acne", "acid"),
        ("title:acme", "-", "acme"),
        ('"AND"', "and so on", "nothing"),
    ],
)
def test_query_string(query: str, found: str, missed: str) -> None:
    imported = query_string.translate(query)
    assert finds(imported, found, title="acme" if "title" in query else "")
    assert not finds(imported, missed)


def test_the_default_operator_is_a_choice() -> None:
    assert finds(query_string.translate("acme refund", "OR"), "acme")
    assert not finds(query_string.translate("acme refund", "AND"), "acme")


@pytest.mark.parametrize(
    ("query", "found", "missed"),
    [
        ("acme AND (fee OR price) NOT job", "acme price", "acme fee job"),
        ("acme OR apex AND refund", "acme", "apex"),
        ("fee* NEAR/2 hidden", "hidden and other fees", "hidden or not, there are some fees"),
        ("late NEAR/2f delivery", "late the delivery", "delivery is late"),
        ("{Apple} AND juice", "Apple juice", "apple juice"),
        ('"late delivery" <<< a note OR so >>>', "late delivery", "late"),
        ("hashtags:acme OR raw:#apex", "#acme", "acme apex"),
        ("acme -job", "acme", "acme job"),
        ('raw:"C++"', "C++ developer", "grade C"),
        ('title:"late delivery" OR acme', "acme", "late delivery"),
    ],
)
def test_brandwatch(query: str, found: str, missed: str) -> None:
    imported = brandwatch.translate(query)
    assert finds(imported, found)
    assert not finds(imported, missed)


@pytest.mark.parametrize(
    ("query", "found", "missed"),
    [
        ("acme refund OR delay", "acme delay", "refund"),
        ("acme | apex", "apex", "nothing"),
        ("acme -job", "acme", "acme job"),
        ('acme -"job offer" -career', "acme job", "acme job offer"),
        ('"acme * bank"', "acme national bank", "bank of acme"),
        ("acme AROUND(1) fee", "fee of acme", "acme has quite a large fee"),
        ("acme site:example.com OR refund", "acme refund", "refund"),
        ("“acme bank”", "the Acme Bank", "bank acme"),
    ],
)
def test_google_alerts(query: str, found: str, missed: str) -> None:
    imported = google_alerts.translate(query)
    assert finds(imported, found)
    assert not finds(imported, missed)


@pytest.mark.parametrize(
    ("translate", "query", "ours"),
    [
        (brandwatch.translate, '"late deliver*" AND acme', "(late ONEAR/0 deliver*) AND acme"),
        (brandwatch.translate, "“late fee” OR acme", '"late fee" OR acme'),
        (brandwatch.translate, "author:@acme OR @acme", "author:acme OR @acme"),
        (
            google_alerts.translate,
            "allintitle: acme fee -job",
            "title:acme AND title:fee AND (NOT title:job)",
        ),
        (google_alerts.translate, "#acme @acme $TSLA C++", "#acme AND @acme AND $TSLA AND C++"),
        (query_string.translate, "zebra~", "zebra~"),
        (query_string.translate, "zebra~0.7", "zebra~1"),
        (query_string.translate, "acme~0.8", "acme"),
    ],
)
def test_what_both_languages_have_is_carried_over_in_silence(
    translate: Callable[[str], Imported], query: str, ours: str
) -> None:
    assert translate(query) == Imported(ours)


@pytest.mark.parametrize("translate", [brandwatch.translate, google_alerts.translate])
def test_an_operator_without_its_operand_is_named_so(
    translate: Callable[[str], Imported],
) -> None:
    with pytest.raises(QueryError, match="the query ends where something to look for is missing"):
        translate("(acme OR")


@pytest.mark.parametrize(
    ("translate", "query", "said"),
    [
        (query_string.translate, "acme^2 refund", "acme^2: weight dropped"),
        (query_string.translate, "acme AND refund OR late", "late: left out, for beside"),
        (query_string.translate, "acme AND status:active", "status:active: left out"),
        (query_string.translate, "message:acme", "message: read as title and text"),
        (query_string.translate, "wi-fi", "2 words joined by OR there"),
        (query_string.translate, "acme AND *:*", "*:*: left out"),
        (query_string.translate, "acme OR [a TO b]", "[a TO b]: left out"),
        (query_string.translate, "acme OR C++", "C++: its signs do not count there: read as C"),
        (brandwatch.translate, "$TSLA OR acme", "$TSLA: its signs do not count there"),
        (brandwatch.translate, "acme NEAR bank", "NEAR: searched for as a word"),
        (brandwatch.translate, '"late deliver*"~3', "the 3 is counted between each two words"),
        (google_alerts.translate, "acme AND NOT job", "NOT: searched for as a word"),
        (brandwatch.translate, "acme AND engagingWith:apex", "engagingWith:apex: left out"),
        (brandwatch.translate, 'raw:"C++"', "the signs that we look for"),
        (brandwatch.translate, "acme OR authorFollowers:many", "authorFollowers:many: left out"),
        (google_alerts.translate, "acme ~car", "synonyms are not searched for"),
        (google_alerts.translate, "acme filetype:pdf", "filetype:pdf: left out"),
        (google_alerts.translate, '"acme * bank"', "at most 5 words"),
        (google_alerts.translate, "acme 2010..2015", "a range of numbers"),
    ],
)
def test_what_is_lost_is_named(translate: Callable[[str], Imported], query: str, said: str) -> None:
    assert any(said in lost for lost in translate(query).lost)


@pytest.mark.parametrize(
    "translate", [query_string.translate, brandwatch.translate, google_alerts.translate]
)
@pytest.mark.parametrize(
    "query", ["", "(acme", "acme)", '"acme', "()", "...", "(" * 5000, "-(" * 5000, "\ud800\0"]
)
def test_what_can_not_be_read_is_refused(translate: Callable[[str], Imported], query: str) -> None:
    with pytest.raises(QueryError, match="remedy:"):
        translate(query)


def test_files_hold_a_query_a_line_or_a_paragraph() -> None:
    assert list(split_queries("a b\n\nc\r\n", "google-alerts")) == [("", "a b"), ("", "c")]
    assert list(split_queries("a\nAND b\n \n\nc", "brandwatch")) == [("", "a\nAND b"), ("", "c")]
    rows = '[{"name": "Acme", "query": "a"}, {"query": "b"}]'
    assert list(split_queries(rows, "query_string")) == [("Acme", "a"), ("", "b")]
    assert list(split_queries('["a"]', "query_string")) == [("", "a")]
    with pytest.raises(ConfigError, match="not a list of queries"):
        list(split_queries('["a", 3]', "query_string"))


@pytest.mark.parametrize("as_json", [True, False])
def test_the_topics_file_is_read_back(tmp_path: Path, *, as_json: bool) -> None:
    topics = [Topic(id="a", query='"é # x" AND: b', name="Été: 1"), Topic(id="b", query="no")]
    path = tmp_path / ("topics.json" if as_json else "topics.yaml")
    path.write_bytes(topics_file(topics, as_json=as_json))
    read = load_topics(path)
    assert [(topic.id, topic.query, topic.name) for topic in read] == [
        (topic.id, topic.query, topic.name) for topic in topics
    ]
