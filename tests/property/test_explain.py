"""An explanation tells the same story as the matcher, and what it calls decisive is."""

from hypothesis import given

from connectors.post import Post
from streams.criteria.brute import match_brute
from streams.criteria.explain import Part, explain
from streams.criteria.matcher import Match
from streams.criteria.topics import Topic
from streams.errors import QueryError
from tests.property import test_criteria_language as language
from tests.property.test_criteria import languages, posts, some_topics


def flipped(part: Part) -> bool:
    """Whether the post would meet the clause if all that is decisive were the other way round."""
    if part.decisive:
        return True
    match part.kind:
        case "and":
            return all(map(flipped, part.children))
        case "or":
            return any(map(flipped, part.children))
        case _:
            return part.met


def decisive(part: Part) -> list[Part]:
    below = [one for child in part.children for one in decisive(child)]
    return [part, *below] if part.decisive else below


def true_to_itself(part: Part) -> bool:
    """Whether what is said of an operator follows from what is said of its operands."""
    inner = [child.met for child in part.children]
    said = {"and": all(inner), "or": any(inner), "not": not any(inner)}.get(part.kind, part.met)
    return part.met == said and all(map(true_to_itself, part.children))


@given(language.some_topics, language.posts, language.languages)
def test_the_explanation_of_fields_stems_and_places_is_the_oracles(
    topics: list[Topic], post: Post, lang: str
) -> None:
    for topic in topics:
        try:
            told = explain(topic, post, lang)
        except QueryError:
            continue
        assert told.met == bool(match_brute([topic], post, lang))


@given(some_topics, posts, languages)
def test_the_explanation_is_the_oracles(topics: list[Topic], post: Post, lang: str) -> None:
    for topic in topics:
        try:
            told = explain(topic, post, lang)
        except QueryError:
            continue
        found = match_brute([topic], post, lang)
        assert told.met == bool(found)
        if found:
            assert found == [Match(topic.id, told.spans)]
        assert true_to_itself(told.tree)


@given(some_topics, posts)
def test_what_is_called_decisive_is(topics: list[Topic], post: Post) -> None:
    for topic in topics:
        try:
            told = explain(topic, post)
        except QueryError:
            continue
        named = decisive(told.tree)
        assert all(not part.met for part in named)
        assert sorted(part.query for part in named) == sorted(f.query for f in told.failed)
        assert bool(named) != told.tree.met
        assert flipped(told.tree)
        depths = [failure.depth for failure in told.failed]
        assert depths == sorted(depths, reverse=True)
