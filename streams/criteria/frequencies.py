"""How common words are, learned from the posts themselves: a guess until enough were seen."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from streams.criteria import rough
from streams.criteria.keys import Frequency, guessed_frequency
from streams.criteria.rough import Rough

_GUESS_WEIGHT: Final = 100  # the guess counts like so many posts
_MAX_WORDS: Final = 100_000
_ENOUGH: Final = 5  # a word must have been seen so often to be found common
MAX_POSTS: Final = 50_000


class LiveFrequency:
    """A `Frequency` fed with samples of posts. Old samples fade; memory is bounded.

    Beginnings and patterns are guessed from their looks, whatever was seen.
    """

    def __init__(self, guess: Frequency = guessed_frequency) -> None:
        self._guess = guess
        self._counts: Counter[Rough] = Counter()
        self.posts = 0

    def observe(self, words: Iterable[Rough]) -> None:
        """Count the distinct rough words of one post."""
        self._counts.update(set(words))
        self.posts += 1
        if self.posts >= MAX_POSTS or len(self._counts) > _MAX_WORDS:
            self._fade()

    def _fade(self) -> None:
        """Halve everything; what was seen once is forgotten."""
        self._counts = Counter({word: n // 2 for word, n in self._counts.items() if n > 1})
        self.posts //= 2

    def common(self, share: float) -> list[Rough]:
        """The words that at least this share of posts carry."""
        least = max(_ENOUGH, share * self.posts)
        return [word for word, count in self._counts.items() if count >= least]

    def __call__(self, term: str) -> float:
        """The share of posts that carry the term, in (0, 1]."""
        if not self.posts:
            return self._guess(term)
        seen = self._counts.get(rough.encoded(rough.part(term)), 0) if term[-1] != "*" else 0
        return (seen + _GUESS_WEIGHT * self._guess(term)) / (self.posts + _GUESS_WEIGHT)
