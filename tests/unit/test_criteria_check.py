"""What `check` finds beside the twenty wrong queries, and what it says a query costs."""

import time

import pytest
from hypothesis import given

from connectors.post import Post
from streams.criteria.brute import match_brute
from streams.criteria.check import Finding, check
from streams.criteria.clauses import implies
from streams.criteria.cost import Sample, costs
from streams.criteria.forms import french_forms, russian_forms
from streams.criteria.matcher import anchored
from streams.criteria.topics import Subquery, Topic
from streams.errors import QueryError
from tests.property.test_criteria import posts, topic_parts, topics_of
from tests.support.posts import post


def findings(query: str, sample: Sample | None = None, **fields: object) -> list[Finding]:
    return check([Topic(id="t", query=query, **fields)], sample, advice=True)  # type: ignore[arg-type] # only lists and flags are given


def codes(query: str, sample: Sample | None = None, **fields: object) -> list[str]:
    return [finding.code for finding in findings(query, sample, **fields)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("zebra quagga", []),
        ("zebra OR quagga", []),
        ("ab*", ["short"]),
        ("the", ["common"]),
        ("zebra* zebra", ["idle"]),
        ('zebra OR "red zebra"', ["subsumed"]),
        ('"red zebra" OR zeb*', ["subsumed"]),
        ("#zebra", ["tags"]),
        ("zebra OR #zebra", []),
        ("zebra title: quagga", ["field"]),
        ("zebra views: quagga", ["field"]),
        ("zebra and", []),
        ("zebra СОСО", ["look-alike"]),
        ("zebra (СОСО OR coco)", []),
        ("zebra (СОСО OR банк*)", []),
        ("банк* COP", ["look-alike"]),
        ("банк* (COP OR zebra)", []),
        ("zebra AND (quagga or gnu)", ["spoken"]),
        ("zebra\u200bgnu", ["unseen"]),
        ("zebra near/5 gnu", ["spoken"]),
        ("zebra NEAR5 gnu", ["spoken"]),
        ("zebra =Gnu*", ["query"]),
        ('zebra ="Gnu?"', ["star"]),
        ('stem:"red gnu"', ["query"]),
        ("zebra rating:>5", ["never"]),
        ("zebra rating:<=5", []),
        ("zebra followers:<-1", ["never"]),
        ("zebra (gnu OR likes:<0)", ["never"]),
        ("zebra likes:<=0", []),
        ("zebra O'Neil", ["apostrophe"]),
        ("zebra (O'Neil OR ONeil)", []),
        ("банк OR банка", []),
        ("банк*", []),
        ("БАНК", []),
        ("téléphone", ["forms"]),
        ("zebra quagga OR gnu", ["mixed"]),
        ("zebra AND NOT (gnu OR zebra)", ["never"]),
        ("(zebra AND gnu) OR (zebra AND gnu AND quagga)", ["subsumed"]),
    ],
)
def test_findings(query: str, expected: list[str]) -> None:
    assert codes(query) == expected


def test_languages() -> None:
    assert codes("zebra", languages=["english"]) == ["language"]
    assert codes("банк*", languages=["en"]) == ["script"]
    assert codes("банк*", languages=["en", "ru"]) == []
    assert codes("remboursement", languages=["fr"]) == ["forms"]
    assert codes("remboursement", languages=["en"]) == []


def test_every_look_alike_letter_is_named() -> None:
    (finding,) = findings("zebra аррlе")
    assert "letter 4, “l”, is Latin small l" in finding.message
    assert finding.message.splitlines()[2].index("^") == 4 + len("zebra арр")


def test_a_failing_sample_says_which_clause_failed() -> None:
    (finding,) = findings("zebra NOT zoo", matches=["a zebra in a zoo"])
    assert finding.severity == "error"
    assert "because NOT zoo: excluded by what the post says: zoo" in finding.message
    (finding,) = findings("zebra", rejects=["one zebra"])
    assert "which it must reject, by: zebra" in finding.message


def test_a_sample_measures_what_is_too_common() -> None:
    sample = Sample([post(f"zebra number{n} {'gnu' if n < 3 else ''}") for n in range(100)])
    assert codes("zebra OR gnu", sample) == ["common"]
    assert "in 100% of the sample's 100 posts" in findings("zebra", sample)[0].message
    assert codes("gnu", sample) == []
    assert codes("numb*", sample) == ["common"]


def test_costs_are_measured_on_a_sample_and_guessed_without() -> None:
    sample = Sample([post(f"zebra number{n} {'gnu' if n < 3 else ''}") for n in range(100)])
    topic = Topic(id="t", query="zebra AND (gnu OR number7)")
    (cost,) = costs([topic, Topic(id="bad", query="(")], sample)
    assert (cost.tried, cost.met, cost.sample) == (0.04, 0.04, 100)
    assert cost.keys == ["gnu", "number7"]
    (guess,) = costs([topic])
    assert 0 < guess.tried <= 1
    assert guess.met is None


def test_an_empty_sample_measures_nothing() -> None:
    assert codes("zebra", Sample([])) == []
    assert costs([Topic(id="t", query="zebra")], Sample([]))[0].met is None


@pytest.mark.parametrize(
    ("query", "column", "problem"),
    [
        ("zebra rating:<2 rating:>4", 17, "no post is rating:<2 and rating:>4 at once"),
        ("zebra lang:fr lang:en", 15, "no post is lang:fr and lang:en at once"),
        ("zebra (gnu OR quagga rating:>5)", 22, "rating:>5 never holds"),
        ("zebra created:<2025 created:>=2026-02", 21, "created:>=2026-02-01T00:00:00Z"),
    ],
)
def test_a_fact_that_never_holds_is_shown_where_it_stands(
    query: str, column: int, problem: str
) -> None:
    (finding,) = (one for one in findings(query) if one.code == "never")
    assert finding.message.startswith(f"column {column}: ")
    assert problem in finding.message


def test_an_invisible_character_does_not_steer_the_message() -> None:
    (finding,) = findings("zebra\u202e gnu")
    assert "\u202e" not in finding.message


def test_a_slip_in_the_name_of_a_subquery() -> None:
    queries = {"brand": Subquery("acme OR apex")}
    topics = [
        Topic(id="right", query="@brand zebra", queries=queries),
        Topic(id="slip", query="@brnd zebra"),
        Topic(id="handle", query="@zebra_zoo gnu"),
    ]
    (finding,) = check(topics)
    assert (finding.topic, finding.code) == ("slip", "handle")
    assert "write @brand, or mention:brnd" in finding.message


def test_a_word_of_a_whole_page_is_checked_soon() -> None:
    start = time.process_time()
    assert codes("a" * 60_000) == []
    assert codes("ж" * 60_000) == []
    assert time.process_time() - start < 1


def test_patterns_and_facts_are_counted_in_the_sample() -> None:
    texts = [f"zebra number{n} {'gnu' if n < 3 else ''}" for n in range(100)]
    sample = Sample([post(text, lang="en" if "gnu" in text else "fr") for text in texts])
    queries = ["*nu", "gnus~1", "/gn./", "lang:en", "source:test", "lang:en OR number7"]
    found = costs([Topic(id=query, query=query) for query in queries], sample)
    assert [cost.tried for cost in found] == [0.03, 0.03, 0.03, 0.03, 1, 0.04]
    assert [cost.met for cost in found] == [0.03, 0.03, 0.03, 0.03, 1, 0.04]
    assert codes("/zeb.*/ OR gnu*", sample) == ["common"]


def test_forms() -> None:
    assert "банков" in russian_forms("банк")
    assert "банкей" not in russian_forms("банк")
    assert "врачей" in russian_forms("врач")
    assert "банком" in russian_forms("банк")
    assert "комиссию" in russian_forms("комиссия")
    assert "картой" in russian_forms("карта")
    assert russian_forms("метро") == ["метра", "метру", "метром", "метре"]
    assert russian_forms("кафе") == russian_forms("bank") == russian_forms("он") == []
    assert french_forms("journal") == ["journaux"]
    assert french_forms("bateau") == ["bateaux"]
    assert french_forms("remboursement") == ["remboursements"]
    assert french_forms("prix") == french_forms("eau") == []


def test_ten_thousand_terms_are_checked_soon() -> None:
    query = " OR ".join(f"word{n}" for n in range(10_000)) + " OR word1* OR word1"
    start = time.process_time()
    found = findings(query)
    assert time.process_time() - start < 5
    assert {"subsumed", "twice"} <= {finding.code for finding in found}
    assert len(found) < 20


@given(topic_parts, topic_parts, posts)
def test_what_implies_another_does(
    one: tuple[str, str, list[str]], other: tuple[str, str, list[str]], subject: Post
) -> None:
    a, b = (Topic(id=t.id, query=t.query, operator=t.operator) for t in topics_of([one, other]))
    try:
        told = implies(anchored(a)[0], anchored(b)[0])
    except QueryError:
        return
    if told and match_brute([a], subject, ""):
        assert match_brute([b], subject, "")
