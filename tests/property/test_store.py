"""Any order of versions and retractions, repeated at will, ends in the same state."""

import asyncio
import tempfile
import uuid
from itertools import groupby, pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.records import Label, Mention, Record, Retraction, SentimentLabel
from streams.store import text
from streams.store.port import Filter
from streams.store.rules import Watermark, content_version, killed, remember
from tests.support.mentions import Case, at, elasticsearch_case, mention, sqlite_case
from tests.support.servers import Elasticsearch

TOPICS = ["a", "b", "c"]
topics = st.lists(st.sampled_from(TOPICS), unique=True)
mentions = st.builds(
    lambda number, topic, version: mention(
        number, topic=topic, version=version, post={"text": f"{number} {topic} v{version}"}
    ),
    st.integers(1, 2),
    st.sampled_from(TOPICS),
    st.integers(1, 6),
)
retractions = st.builds(
    lambda number, version, kept: Retraction(
        post_id=f"test:{number}", version=version, topics=kept
    ),
    st.integers(1, 2),
    st.integers(1, 7),
    topics,
)
records: st.SearchStrategy[list[Record]] = st.lists(
    st.one_of(mentions, retractions), min_size=1, max_size=14
)


def expected(written: list[Record]) -> dict[str, int]:
    """The port's promise in four lines: the newest version of each, unless taken back."""
    newest: dict[str, Mention] = {}
    for record in written:
        if isinstance(record, Mention):
            known = newest.get(record.id)
            newest[record.id] = record if not known or record.version > known.version else known
    gone = [record for record in written if isinstance(record, Retraction)]
    return {
        m.id: m.version
        for m in newest.values()
        if not any(
            r.post_id == m.post.id and m.version < r.version and m.topic not in r.topics
            for r in gone
        )
    }


async def replay(case: Case, batches: list[list[Record]]) -> dict[str, int]:
    for batch in batches:
        await case.store.write(batch)
    page = await (await case.seen()).search(Filter(), limit=100)
    assert (await case.store.count(Filter())).total == len(page.mentions)
    for found in page.mentions:
        hits = await case.store.search(Filter(text=f'"{found.post.text}"', topics=(found.topic,)))
        assert [hit.id for hit in hits.mentions] == [found.id]
    return {found.id: found.version for found in page.mentions}


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Record], list[list[Record]]]:
    """Records, and the same ones shuffled, partly repeated and cut into batches."""
    written = draw(records)
    repeated = [*written, *draw(st.lists(st.sampled_from(written), max_size=8))]
    order = draw(st.permutations(repeated))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=5)))
    edges = [0, *cuts, len(order)]
    return written, [order[a:b] for a, b in pairwise(edges)]


@given(histories())
@settings(max_examples=120, deadline=None)
def test_sqlite_ends_the_same_whatever_the_order(
    history: tuple[list[Record], list[list[Record]]],
) -> None:
    written, batches = history

    async def run() -> dict[str, int]:
        with tempfile.TemporaryDirectory() as folder:
            async with sqlite_case(Path(folder)) as case:
                return await replay(case, batches)

    assert asyncio.run(run()) == expected(written)


@pytest.mark.elasticsearch
@given(histories())
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_elasticsearch_ends_the_same_whatever_the_order(
    elasticsearch: Elasticsearch, history: tuple[list[Record], list[list[Record]]]
) -> None:
    written, batches = history

    async def run() -> dict[str, int]:
        async with elasticsearch_case(elasticsearch.url) as case:
            return await replay(case, batches)

    assert asyncio.run(run()) == expected(written)


Step = Record | Label
feelings: list[SentimentLabel | None] = ["pos", "neg", None]
labels = st.builds(
    lambda about, second, sentiment: Label(
        mention_id=about.id, labeled_at=at(second), sentiment=sentiment
    ),
    mentions,
    st.integers(1, 4),
    st.sampled_from(feelings),
)
Told = dict[str, tuple[int, Label | None]]


def expected_with_labels(written: list[Step]) -> Told:
    """Mentions as without labels, and the latest label of each."""
    latest: dict[str, Label] = {}
    for one in written:
        if isinstance(one, Label):
            known = latest.get(one.mention_id)
            if known is None or _rank(one) > _rank(known):
                latest[one.mention_id] = one
    alive = expected([one for one in written if not isinstance(one, Label)])
    return {id_: (version, latest.get(id_)) for id_, version in alive.items()}


def _rank(label: Label) -> tuple[object, ...]:
    return label.labeled_at, msgspec.json.encode(label)


@st.composite
def labelled_histories(draw: st.DrawFn) -> tuple[list[Step], list[Step]]:
    """Mentions, retractions and labels; and the same ones shuffled and partly repeated."""
    steps = st.one_of(mentions, retractions, labels)
    written = draw(st.lists(steps, min_size=1, max_size=12))
    repeated = [*written, *draw(st.lists(st.sampled_from(written), max_size=8))]
    return written, draw(st.permutations(repeated))


async def replay_labels(case: Case, order: list[Step]) -> Told:
    for kind, batch in groupby(order, key=lambda one: isinstance(one, Label)):
        if kind:
            await case.store.add_labels([one for one in batch if isinstance(one, Label)])
        else:
            await case.store.write([one for one in batch if not isinstance(one, Label)])
    page = await (await case.seen()).search(Filter(), limit=100)
    return {found.id: (content_version(found), found.label) for found in page.mentions}


@given(labelled_histories())
@settings(max_examples=120, deadline=None)
def test_sqlite_ends_with_the_latest_label_whatever_the_order(
    history: tuple[list[Step], list[Step]],
) -> None:
    written, order = history

    async def run() -> Told:
        with tempfile.TemporaryDirectory() as folder:
            async with sqlite_case(Path(folder)) as case:
                return await replay_labels(case, order)

    assert asyncio.run(run()) == expected_with_labels(written)


@pytest.mark.elasticsearch
@given(labelled_histories())
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_elasticsearch_ends_with_the_latest_label_whatever_the_order(
    elasticsearch: Elasticsearch, history: tuple[list[Step], list[Step]]
) -> None:
    written, order = history

    async def run() -> Told:
        async with elasticsearch_case(elasticsearch.url) as case:
            return await replay_labels(case, order)

    assert asyncio.run(run()) == expected_with_labels(written)


@given(st.lists(st.tuples(st.integers(1, 6), topics), max_size=8))
def test_watermarks_forget_only_what_others_imply(given_marks: list[tuple[int, list[str]]]) -> None:
    kept: list[Watermark] = []
    for version, names in given_marks:
        retraction = Retraction(post_id="p", version=version, topics=names)
        kept = remember(kept, retraction)
    every = [Watermark(version, tuple(names)) for version, names in given_marks]
    for topic in TOPICS:
        for content in range(8):
            assert killed(kept, topic, content) == killed(every, topic, content)


@given(st.text())
def test_folding_is_stable_and_bounded(raw: str) -> None:
    folded = text.fold(raw)
    words = folded.split()
    assert text.fold(" ".join(words)).split() == words
    assert all(len(word) <= text.MAX_TOKEN_CHARS for word in words)
    assert not set(folded) & set('"*^:()-+\0')


@given(st.text(max_size=200))
def test_any_search_box_text_parses(raw: str) -> None:
    for term in text.parse(raw):
        assert term.words
        assert all(word == "".join(word.split()) for word in term.words)


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_text_is_found_by_its_own_words(raw: str) -> None:
    async def run() -> None:
        clean = raw.encode("utf-8", "ignore").decode()
        written = mention(post={"text": clean, "id": f"test:{uuid.uuid4()}"})
        with tempfile.TemporaryDirectory() as folder:
            async with sqlite_case(Path(folder)) as case:
                await case.store.write([written])
                for query in (clean, '"' + clean.replace('"', " ") + '"'):
                    assert (await case.store.search(Filter(text=query))).mentions == [written]

    asyncio.run(run())
