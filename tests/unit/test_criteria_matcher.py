"""What the matcher does while topics and posts come and go."""

import gc
import time
from datetime import UTC, datetime

import pytest

from connectors.post import Post
from streams.criteria.brute import match_brute
from streams.criteria.matcher import Matcher
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.errors import ConfigError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def post(text: str, hashtags: list[str] | None = None) -> Post:
    return Post(
        id="t:1", source="t", created_at=NOW, collected_at=NOW, text=text, hashtags=hashtags or []
    )


def found(matcher: Matcher, text: str) -> list[str]:
    return [match.topic for match in matcher.match(post(text), "")]


def test_progress_is_told() -> None:
    heard: list[tuple[int, int]] = []
    topics = [Topic(id=str(n), query=f"word{n}") for n in range(2500)]
    compile_topics(topics, on_progress=lambda done, total: heard.append((done, total)))
    assert heard == [(1000, 2500), (2000, 2500), (2500, 2500)]


def test_compiling_leaves_the_collector_on_even_when_it_fails() -> None:
    with pytest.raises(ConfigError):
        compile_topics([Topic(id="a", query="a"), Topic(id="a", query="a")])
    assert gc.isenabled()


def test_a_topic_moves_from_a_key_that_turns_out_to_be_common() -> None:
    topic = Topic(id="t", query="ordinarily AND zip")
    matcher = compile_topics([topic])
    talk = [post("ordinarily one says this") for _ in range(500)]
    assert matcher.candidates(post("ordinarily zip")) == 1
    matcher.learn(talk)
    assert matcher.rekey(1) == 0
    assert found(matcher, "a Zip, ordinarily") == ["t"]
    assert found(matcher, "ordinarily") == []
    matcher.remove("t")
    assert found(matcher, "a Zip, ordinarily") == []


def test_moving_happens_by_itself() -> None:
    matcher = compile_topics([Topic(id="t", query="ordinarily AND zip")])
    for _ in range(128 * 300):
        matcher.match(post("ordinarily"), "")
    assert matcher.rekey(1) == 0
    assert found(matcher, "zip ordinarily") == ["t"]


def test_moved_topics_answer_as_brute_force_does() -> None:
    queries = ["a b", '"a b" OR "b c"', "a OR (b AND c)", "c NOT a", "(a OR #d) (b OR c*)", "cc* a"]
    topics = [Topic(id=str(n), query=query) for n, query in enumerate(queries)]
    posts = [post(text) for text in ("a b", "b c", "c", "a #d cc", "b, A", "cc a b c", "#D b")]
    matcher = compile_topics(topics)
    for common in ("a", "b", "c"):
        matcher.learn([post(f"{common} {common}c")] * 3000)
        for one in posts:
            assert matcher.match(one, "") == match_brute(topics, one, "")


def test_a_word_that_becomes_a_key_later_is_met_in_posts_seen_before() -> None:
    matcher = compile_topics([Topic(id="a", query="apple")])
    texts = ("Pear, plum", "pear", "#pear", "x" * 50 + " PEAR!")
    for text in texts:
        assert found(matcher, text) == []
    matcher.add(Topic(id="p", query="pear"))
    assert [found(matcher, text) for text in texts] == [["p"]] * 4
    matcher.add(Topic(id="p", query="plum"))
    assert [found(matcher, text) for text in texts] == [["p"], [], [], []]


def test_a_guard_is_not_mistaken_for_what_looks_like_it() -> None:
    matcher = compile_topics([Topic(id="t", query="longestword AND #ab")])
    assert found(matcher, "longestword x#ab") == []
    assert found(matcher, "longestword #AB!") == ["t"]
    assert [m.topic for m in matcher.match(post("longestword", ["ab"]), "")] == ["t"]


def test_the_old_version_answers_until_the_new_one_is_ready() -> None:
    matcher = compile_topics([Topic(id="t", query="old")])
    broken = Topic(id="t", query=None)  # type: ignore[arg-type] # that is what is broken
    with pytest.raises(TypeError):
        matcher.add(broken)
    assert found(matcher, "old") == ["t"]


@pytest.mark.parametrize(
    "text",
    [
        "".join(chr(0x4E00 + n % 20000) for n in range(21845)),
        " ".join(f"ж{n:x}" for n in range(9000)),
        "😀" * 16384,
        "😀\u200d" * 9362,
        "e\u0301" * 21845,
        "a" * 65536,
    ],
)
def test_posts_made_to_hurt_take_bounded_time(text: str) -> None:
    matcher = compile_topics([Topic(id="a", query="apple OR 東京 OR ж1*")])
    matcher.match(post("東"), "")  # the pattern for all scripts is built once
    start = time.process_time()
    matcher.match(post(text), "")
    assert time.process_time() - start < 0.5


def test_a_sloppy_phrase_has_one_place_for_each_distance() -> None:
    matcher = compile_topics([Topic(id="t", query='"a b"~2')])
    (match,) = matcher.match(post("a b a"), "en")
    assert [(span.start, span.end) for span in match.spans] == [(0, 3)]
    assert [match] == match_brute(list(matcher.topics.values()), post("a b a"), "en")
