"""What a worker remembers of the topics' lives from its run before."""

from pathlib import Path

from streams.heartbeat import made_anew
from tests.support.mentions import opened


async def test_a_topic_in_another_life_than_before_is_made_anew(tmp_path: Path) -> None:
    async with opened(tmp_path / "veille.db") as store:
        lives = {"v.posts": "a", "v.mentions": "b"}
        assert await made_anew(store, "w", lives) == set(), "its first run"
        await store.put_state("worker", "w", {"seen_at": "then"})
        assert await made_anew(store, "w", lives) == set(), "an older version told none"
        await store.put_state("worker", "w", {"lives": lives})
        assert await made_anew(store, "w", {**lives, "v.labels": "c"}) == set(), "a new one"
        assert await made_anew(store, "w", {**lives, "v.posts": "z"}) == {"v.posts"}
        assert await made_anew(store, "w", {}) == set(), "they could not be asked"
        assert await made_anew(store, "other", {"v.posts": "z"}) == set()
