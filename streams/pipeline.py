"""The heart of the filter agent, pure: a post in, mentions and retractions out."""

import hashlib
import re
from datetime import datetime
from typing import Protocol

from connectors.post import Post
from streams.criteria.matcher import Match, Matcher
from streams.records import Mention, Record, Retraction, mention_id
from streams.sentiment.language import identify
from streams.sentiment.scorer import Scorer

_LETTERS = re.compile(r"[^\W\d_]+").findall


class Judge(Protocol):
    """What the filter agent asks of a pipeline."""

    def process(self, post: Post, now: datetime) -> list[Record]:
        """What becomes of a post: pure, so that asking again gives the same."""
        ...


class Pipeline:
    """Language, criteria, sentiment. Holds no state between posts: the same post and the same
    `now` always give the same records."""

    def __init__(self, matcher: Matcher, scorer: Scorer) -> None:
        self.matcher = matcher
        self.scorer = scorer

    def process(self, post: Post, now: datetime) -> list[Record]:
        """The post's mentions, one a topic; for an edit or a deletion a retraction besides."""
        if post.state == "deleted":
            return self.taken_back(post)
        language = _Language(post)
        matches = self.matcher.match(post, language)
        if not matches and post.state == "live":
            return []
        records: list[Record] = [self._mention(post, match, language(), now) for match in matches]
        if post.state == "edited":
            topics = [match.topic for match in matches]
            records.append(Retraction(post_id=post.id, version=post.version, topics=topics))
        return records

    @staticmethod
    def taken_back(post: Post) -> list[Record]:
        """What becomes of a deletion."""
        return [Retraction(post_id=post.id, version=post.version)]

    def chosen(self, post: Post, topic: str, now: datetime) -> Mention:
        """The post's mention in a topic that a person chose, whether it meets the criteria or
        not."""
        return self._mention(post, Match(topic, []), _Language(post)(), now)

    def _mention(self, post: Post, match: Match, lang: str, now: datetime) -> Mention:
        text = f"{post.title}\n{post.text}" if post.title else post.text
        target = self.matcher.topics[match.topic].target
        return Mention(
            id=mention_id(match.topic, post.id),
            topic=match.topic,
            post=post,
            lang=lang,
            sentiment=self.scorer.score(text, lang, target),
            processed_at=now,
            version=post.version,
            matched=match.spans,
            story=story_of(text),
            country=post.place.country if post.place else "",
        )


class _Language:
    """A post's language, identified when it is first asked for: most posts meet no topic."""

    __slots__ = ("_code", "_post")

    def __init__(self, post: Post) -> None:
        self._post = post
        self._code = ""

    def __call__(self) -> str:
        if not self._code:
            self._code = identify(self._post.text or self._post.title, self._post.lang).code
        return self._code


def story_of(text: str) -> str:
    """The near-duplicate group: equal for texts that differ in links, names, tags, digits,
    case and punctuation alone. Empty for a text with nothing else in it."""
    words: list[str] = []
    for piece in text[:2000].casefold().split():
        if piece.isalpha():
            words.append(piece)
        elif piece[0] not in "@#" and "://" not in piece:
            words += _LETTERS(piece)
    if not words:
        return ""
    return hashlib.blake2b(" ".join(words).encode("utf-8", "replace"), digest_size=8).hexdigest()
