"""Made-up topics and posts for benchmarks: Zipf-distributed words of three invented languages.

Topics look like those people write: a brand with exclusions, phrases, words near to each other,
prefixes, hashtags, theme words joined by OR. The same seed gives the same set everywhere.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate

from connectors.post import Post
from streams.criteria.topics import Topic

_SYLLABLES = {
    "en": "ba ker lin to mas re ni sho wel den ar tic fo gra hu mi pel qui sta ver wo yan",
    "fr": "bé cha lou rie tion mé pa gne sou vrai teau di fleu ron jà ne quoi rè ser",
    "ru": "ка ло ви но та ре ми со пра ве ды шки зна го бо ле ту жи ня сто",
}
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_WORDS = 40_000
_BRANDS = 20_000


class Lexicon:
    """Words of one invented language, the common ones first and short, and brand names."""

    def __init__(self, language: str, seed: int) -> None:
        self.random = random.Random(f"{language} {seed}")
        self.language = language
        syllables = _SYLLABLES[language].split()
        self.words = self._names(syllables, _WORDS, longest=5)
        self.brands = [f"{word}o" for word in self._names(syllables, _BRANDS, longest=5, least=2)]
        self._word_weights = list(accumulate(1 / (rank + 2) for rank in range(len(self.words))))
        self._brand_weights = list(accumulate(1 / (rank + 20) for rank in range(len(self.brands))))

    def _names(
        self, syllables: Sequence[str], count: int, *, longest: int, least: int = 1
    ) -> list[str]:
        """Distinct names, the first ones short."""
        found: dict[str, None] = {}
        for tried in range(20 * count):
            length = least + min(longest - least, tried * (longest - least + 1) // count)
            found["".join(self.random.choices(syllables, k=length))] = None
            if len(found) == count:
                break
        return list(found)

    def some_words(self, count: int) -> list[str]:
        """Words as often as they are in the language."""
        return self.random.choices(self.words, cum_weights=self._word_weights, k=count)

    def theme(self) -> str:
        """A word one would put into a query: not among the most common."""
        return self.random.choice(self.words[200:8000])

    def brand(self) -> str:
        """A brand; a few are in everybody's mouth."""
        return self.random.choices(self.brands, cum_weights=self._brand_weights)[0]


def topics(count: int, seed: int = 1) -> list[Topic]:
    """Topics in three languages, of eight shapes."""
    lexicons = _lexicons(seed)
    return [_topic(number, lexicons[number % len(lexicons)]) for number in range(count)]


def posts(count: int, seed: int = 2, *, mention_rate: float = 0.1) -> list[Post]:
    """Short posts (some 100 characters); `mention_rate` of them name a brand."""
    lexicons = _lexicons(1)
    chooser = random.Random(seed)
    return [_post(number, chooser.choice(lexicons), mention_rate) for number in range(count)]


def _lexicons(seed: int) -> list[Lexicon]:
    return [Lexicon(language, seed) for language in _SYLLABLES]


def _topic(number: int, lexicon: Lexicon) -> Topic:
    return Topic(id=f"topic-{number}", query=" ".join(_query(number, lexicon)))


def _query(number: int, lexicon: Lexicon) -> Iterator[str]:
    brand, theme = lexicon.brand, lexicon.theme
    match lexicon.random.randrange(8):
        case 0:
            yield f"{brand()} AND NOT ({theme()} OR {theme()} OR job*)"
        case 1:
            yield f'"{brand()} {theme()}" OR "{theme()} {brand()}"'
        case 2:
            yield f"({brand()} OR #{brand()}) AND ({' OR '.join(theme() for _ in range(8))})"
        case 3:
            yield f"{brand()} {theme()[:5]}* -{theme()}"
        case 4:
            yield f'{theme()} AND {theme()} AND "{theme()} {theme()}"'
        case 5:
            yield f'"{brand()} {theme()}"~4 OR ({brand()} AND "{theme()} {theme()}"~2)'
        case 6:
            yield f"#{brand()}{number % 50} OR {brand()}{number}"
        case _:
            yield f'({brand()} OR {brand()}) AND ({theme()} OR "{theme()} {theme()}")'
            yield f"NOT ({theme()} OR {theme()[:4]}*)"


def _post(number: int, lexicon: Lexicon, mention_rate: float) -> Post:
    words = lexicon.some_words(lexicon.random.randrange(8, 20))
    if lexicon.random.random() < mention_rate:
        words.insert(lexicon.random.randrange(len(words)), lexicon.brand().capitalize())
    if lexicon.random.random() < 0.1:
        words.append(f"#{lexicon.theme()}")
    if lexicon.random.random() < 0.1:
        words.append("😀")
    text = " ".join(words).capitalize() + "."
    return Post(
        id=f"made:{number}",
        source="made",
        created_at=_EPOCH,
        collected_at=_EPOCH,
        text=text,
        lang=lexicon.language,
    )
