"""Posts held against topics and judged in a thread of their own, so that pages stay quick."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from connectors.post import Post
from streams.criteria.topics import Topic
from streams.sentiment.scorer import Scorer, build_scorer
from streams.settings import Sentiment
from streams.web.posts.matches import Judged, TopicVerdicts, judged, language_of, verdicts


class Trying:
    """One thread, and the installation's engine in it, built when it is first asked for."""

    def __init__(self, topics: Sequence[Topic], sentiment: Sentiment = Sentiment()) -> None:
        self._topics = topics
        self._sentiment = sentiment
        self._scorer: Scorer | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="trying")

    async def topics(
        self, post: Post, *, first: Sequence[str] = (), seconds: float = 1.0
    ) -> TopicVerdicts:
        """All topics, or as many as fit in the time."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._thread, lambda: verdicts(post, self._topics, first=first, seconds=seconds)
        )

    async def sentiment(self, post: Post, topic: str = "") -> Judged:
        """What the engine says, towards the topic's target. Raises `ConfigError`: no such model."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: self._judged(post, topic)
        )

    def _judged(self, post: Post, topic: str) -> Judged:
        if self._scorer is None:
            self._scorer = build_scorer(settings=self._sentiment)
        target = next((one.target for one in self._topics if one.id == topic), [])
        return judged(post, language_of(post), self._scorer, target)

    async def aclose(self) -> None:
        await asyncio.to_thread(self._thread.shutdown)
