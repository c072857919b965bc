"""How common terms are, learned from the posts themselves: a guess until enough were seen."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from streams.criteria.keys import Frequency, guessed_frequency

_GUESS_WEIGHT: Final = 100  # the guess counts like so many posts
_MAX_TERMS: Final = 100_000
MAX_POSTS: Final = 50_000


class LiveFrequency:
    """A `Frequency` fed with samples of posts. Old samples fade; memory is bounded."""

    def __init__(self, guess: Frequency = guessed_frequency) -> None:
        self._guess = guess
        self._counts: Counter[str] = Counter()
        self.posts = 0

    def observe(self, terms: Iterable[str]) -> None:
        """Count the distinct terms of one post."""
        self._counts.update(terms)
        self.posts += 1
        if self.posts >= MAX_POSTS or len(self._counts) > _MAX_TERMS:
            self._fade()

    def _fade(self) -> None:
        """Halve everything; what was seen once is forgotten."""
        self._counts = Counter({term: n // 2 for term, n in self._counts.items() if n > 1})
        self.posts //= 2

    def __call__(self, term: str) -> float:
        """The share of posts that carry the term, in (0, 1]."""
        if not self.posts:
            return self._guess(term)
        seen = self._counts.get(term, 0)
        return (seen + _GUESS_WEIGHT * self._guess(term)) / (self.posts + _GUESS_WEIGHT)
