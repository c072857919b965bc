"""From labelled texts to the weights of a model: logistic regression over hashed features.

The models of one language are trained together: each weight is the sum of one that all share and
one of the model's own. A text's figures are `texts x tokens` times `tokens x buckets` times
weights; kept as factors, a step of the descent costs a few hundredths of a second. The same data
gives the same bytes.
"""

import itertools
import math
from array import array
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse

from streams.sentiment import features
from streams.sentiment.corpora import BY_NAME, LABELLED, LABELS, Corpus, Example
from streams.sentiment.lists import COLUMNS, Lists
from streams.sentiment.model import Head, Model, Tables

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], None]

GROUPS: Final = (("en",), ("ru",), ("fr", "es", "de", "it", "pt"))
"""Languages that share one confidence where their texts held out are few."""

_LISTED: Final = 2 * COLUMNS  # of the lists: for a word as it is, and under a negation
_WORDS: Final = 1 << features.WORD_BITS
_PAIRS: Final = 1 << features.PAIR_BITS
_STEPS: Final = 120
_AT_ONCE: Final = 8_192  # texts whose features are held in memory as they are counted


class Strength(NamedTuple):
    """How strongly weights are held near zero, by what they belong to. With `usual`, what is rarer
    than so many e-folds of all texts is held less strongly, what is commoner more: the same as
    multiplying features by their inverse document frequency, at no cost where texts are judged."""

    shared: float
    own: float
    lists: float
    marks: float
    usual: float = 0.0


_STRENGTH: Final = {
    "en": Strength(3e-5, 0.0, 3e-6, 1e-6),
    "ru": Strength(3e-5, 3e-5, 3e-6, 3e-6, usual=5.0),
}
_FEW: Final = Strength(5e-4, 0.0, 5e-5, 5e-5, usual=5.0)


class Texts(NamedTuple):
    """One language's texts as matrices: texts x tokens, texts x pairs, texts x marks."""

    tokens: Any
    pairs: Any
    marks: Floats


class Vocabulary:
    """The distinct tokens of one language, each with the features that stand for it."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.lists = Lists(lang)
        self._places: dict[tuple[str, bool], int] = {}
        self._rows: list[tuple[list[int], list[float]]] = []

    def read(self, texts: Sequence[str]) -> Texts:
        """Texts as matrices over the tokens met so far: read all before `features`."""
        tokens, pairs = _Rows(), _Rows()
        marks = []
        for text in texts:
            raw = features.TOKEN.findall(text)
            words = [features.plain(token) for token in raw]
            kinds = [features.kind(a, b, self.lang) for a, b in zip(raw, words, strict=True)]
            norm = features.norm(len(raw))
            places = map(self._place, zip(words, features.negated(kinds), strict=True))
            tokens.add(list(places), norm)
            buckets = [features.word_bucket(features.encoded(word)) for word in words]
            pairs.add(
                [features.pair_bucket(*two) for two in itertools.pairwise(buckets)],
                norm * features.PAIR_SHARE,
            )
            marks.append(features.marks(text, len(raw), *_counts(kinds)))
        return Texts(
            tokens, pairs.matrix(_PAIRS), np.array(marks).reshape(len(texts), len(features.MARKS))
        )

    def _place(self, token: tuple[str, bool]) -> int:
        place = self._places.get(token)
        if place is None:
            place = self._places[token] = len(self._rows)
            self._rows.append(self._features(*token))
        return place

    def _features(self, word: str, negated: bool) -> tuple[list[int], list[float]]:
        raw = features.encoded(word)
        at, values = [features.word_bucket(raw)], [1.0]
        if negated:
            at.append(features.negated_bucket(raw))
            values.append(1.0)
        letters = features.letter_buckets(word)
        at += letters
        values += [features.letter_share(len(letters), self.lang)] * len(letters)
        for column, value in enumerate(self.lists.columns(features.listed(word))):
            if value:
                at.append(_WORDS + column + (COLUMNS if negated else 0))
                values.append(value)
        return at, values

    def matrix(self) -> Any:
        """Tokens x features: the buckets, then the columns of the lists."""
        rows = _Rows()
        for at, values in self._rows:
            rows.add(at, values)
        return rows.matrix(_WORDS + _LISTED)

    def words_listed(self) -> set[str]:
        """Words of the lists, and those met in training that a list knows by their beginning."""
        met = {features.listed(word) for word, _ in self._places}
        return self.lists.words() | {word for word in met if any(self.lists.values(word))}

    def __len__(self) -> int:
        return len(self._rows)


def _counts(kinds: Sequence[int]) -> tuple[int, int, int]:
    def having(bit: int) -> int:
        return sum(1 for bits in kinds if bits & bit)

    return having(features.WORD), having(features.CAPITALS), having(features.ELONGATED)


class _Rows:
    """A sparse matrix, filled row by row."""

    def __init__(self) -> None:
        self._at: list[int] = []
        self._values: list[float] = []
        self._ends = [0]

    def add(self, at: Sequence[int], values: float | Sequence[float]) -> None:
        self._at += at
        self._values += [values] * len(at) if isinstance(values, float) else values
        self._ends.append(len(self._at))

    def matrix(self, width: int) -> Any:
        parts = (np.array(self._values), np.array(self._at, dtype=np.int64), np.array(self._ends))
        made = sparse.csr_matrix(parts, shape=(len(self._ends) - 1, width))
        made.sum_duplicates()
        return made


class Block(NamedTuple):
    """Features of all texts as factors whose product they are, and how strongly their weights are
    held near zero."""

    factors: tuple[Any, ...]
    strength: Floats

    def figures(self, weights: Floats) -> Floats:
        for factor in reversed(self.factors):
            weights = factor @ weights
        return weights


def fit(blocks: Sequence[Block], labels: npt.NDArray[np.int64], importance: Floats) -> list[Floats]:
    """Weights for each block, a column for each label, that make the labels likeliest.

    Only features that some text has are looked at: the weights of the others are zero.
    """
    used = [_used(block) for block in blocks]
    narrow = [
        Block((*block.factors[:-1], block.factors[-1][:, at]), block.strength[at])
        for block, at in zip(blocks, used, strict=True)
    ]
    found = _descend(narrow, labels, importance)
    wide = [np.zeros((len(block.strength), len(LABELS))) for block in blocks]
    for weights, at, some in zip(wide, used, found, strict=True):
        weights[at] = some
    return wide


def _used(block: Block) -> npt.NDArray[np.int64]:
    """Columns of the last factor that hold anything."""
    last = block.factors[-1]
    return np.flatnonzero(np.bincount(last.indices, minlength=last.shape[1]))


def _descend(
    blocks: Sequence[Block], labels: npt.NDArray[np.int64], importance: Floats
) -> list[Floats]:
    count, kinds = len(labels), len(LABELS)
    truth = np.zeros((count, kinds))
    truth[np.arange(count), labels] = 1.0
    importance = importance / importance.sum()
    turned = [
        Block(tuple(factor.T.tocsr() for factor in reversed(block.factors)), block.strength)
        for block in blocks
    ]
    ends = np.cumsum([0, *(len(block.strength) for block in blocks)])
    strength = np.concatenate([block.strength for block in blocks])[:, None]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(-1, kinds)
        figures = np.zeros((count, kinds))
        for block, start, end in zip(blocks, ends, ends[1:], strict=False):
            figures += block.figures(weights[start:end])
        figures -= figures.max(axis=1, keepdims=True)
        raised = np.exp(figures)
        whole = raised.sum(axis=1, keepdims=True)
        missed = (raised / whole - truth) * importance[:, None]
        slope = strength * weights
        for block, start, end in zip(turned, ends, ends[1:], strict=False):
            slope[start:end] += block.figures(missed)
        said = (truth * figures).sum(axis=1) - np.log(whole[:, 0])
        held = 0.5 * float((strength * weights * weights).sum())
        return held - float((importance * said).sum()), slope.ravel()

    found = optimize.minimize(
        loss,
        np.zeros(int(ends[-1]) * kinds),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _STEPS, "maxcor": 8},
    )
    weights = found.x.reshape(-1, kinds)
    return [weights[start:end] for start, end in itertools.pairwise(ends)]


def importances(examples: Sequence[Example]) -> Floats:
    """What each example counts: its source's weight, the labels of a source evened out."""
    tally: dict[tuple[str, int], int] = {}
    for one in examples:
        tally[one.source, one.label] = tally.get((one.source, one.label), 0) + 1
    totals: dict[str, int] = {}
    for (source, _), number in tally.items():
        totals[source] = totals.get(source, 0) + number

    def of(one: Example) -> float:
        rarity = totals[one.source] / 3 / tally[one.source, one.label]
        return one.weight * (
            math.sqrt(rarity) if BY_NAME.get(one.source, LABELLED).skewed else rarity
        )

    return np.array([of(one) for one in examples])


def train(corpora: Sequence[Corpus], progress: Progress = lambda _: None) -> dict[str, Model]:
    """A model for each language, of the training shares alone; not calibrated yet."""
    learnt = [_Learning(corpus) for corpus in corpora]
    for corpus in corpora:
        progress(f"{corpus.name}: read {len(corpus.train):,} texts")
    blocks = _blocks(learnt)
    labels = np.array([one.label for each in learnt for one in each.examples], dtype=np.int64)
    importance = np.concatenate([importances(one.examples) for one in learnt])
    progress(f"{'+'.join(corpus.name for corpus in corpora)}: fitting")
    weights = fit(blocks, labels, importance)
    return {
        corpus.name: _model(one, weights, place, len(learnt))
        for place, (corpus, one) in enumerate(zip(corpora, learnt, strict=True))
    }


class _Learning:
    """One language on its way from texts to weights."""

    def __init__(self, corpus: Corpus) -> None:
        self.vocabulary = Vocabulary(corpus.lang)
        self.examples = corpus.train
        self.texts = self.vocabulary.read([one.text for one in corpus.train])
        self.tokens = self.texts.tokens.matrix(len(self.vocabulary))
        self.features = self.vocabulary.matrix()


def _blocks(learnt: Sequence[_Learning]) -> list[Block]:
    """Tokens, pairs, marks and bias; and if there are several models, each one's own of them."""
    strength = _STRENGTH.get(learnt[0].vocabulary.lang, _FEW)
    tokens = sparse.block_diag([one.tokens for one in learnt], format="csr")
    stacked = sparse.vstack([one.features for one in learnt]).tocsr()
    pairs = sparse.vstack([one.texts.pairs for one in learnt]).tocsr()
    marks = sparse.csr_matrix(np.vstack([one.texts.marks for one in learnt]))
    bias = sparse.block_diag([np.ones((len(one.examples), 1)) for one in learnt], format="csr")
    ease = np.ones(_WORDS + _LISTED), np.ones(_PAIRS)
    if strength.usual:
        ease = _ease(strength.usual, tokens, stacked), _ease(strength.usual, pairs)
    shared = strength.shared * ease[0]
    shared[_WORDS:] = strength.lists
    blocks = [
        Block((tokens, stacked), shared),
        Block((pairs,), strength.shared * ease[1]),
        Block((marks,), np.full(len(features.MARKS), strength.marks)),
        Block((bias,), np.full(len(learnt), strength.marks)),
    ]
    if len(learnt) > 1:
        count = len(learnt)
        apart = sparse.block_diag([one.features for one in learnt], format="csr")
        own = strength.own * ease[0]
        own[_WORDS:] = strength.lists
        pairs_apart = sparse.block_diag([one.texts.pairs for one in learnt], format="csr")
        marks_apart = sparse.block_diag([one.texts.marks for one in learnt], format="csr")
        blocks += [
            Block((tokens, apart), np.tile(own, count)),
            Block((pairs_apart,), np.tile(strength.own * ease[1], count)),
            Block((marks_apart,), np.full(count * len(features.MARKS), strength.marks)),
        ]
    return blocks


def _ease(usual: float, *factors: Any) -> Floats:
    """By what to multiply the strength of each feature, for how rare it is among the texts."""
    texts, rest = factors[0], factors[1:]
    found = np.zeros(factors[-1].shape[1])
    for start in range(0, texts.shape[0], _AT_ONCE):
        some = texts[start : start + _AT_ONCE]
        for factor in rest:
            some = some @ factor
        found += np.bincount(some.tocsr().indices, minlength=len(found))
    rarity = np.log((1 + texts.shape[0]) / (1 + found)) + 1
    return np.asarray((usual / rarity) ** 2)


def _model(one: _Learning, weights: Sequence[Floats], place: int, count: int) -> Model:
    """The weights of one language as a model's tables: positive and negative beside neutral."""
    tokens, pairs, marks, bias, *own = weights
    if own:
        tokens, pairs, marks = (
            shared + apart.reshape(count, *shared.shape)[place]
            for shared, apart in zip((tokens, pairs, marks), own, strict=True)
        )
    tokens, pairs, marks, bias = (
        each[:, :2] - each[:, 2:] for each in (tokens, pairs, marks, bias)
    )
    words, word_scale = _bytes(tokens[:_WORDS])
    paired, pair_scale = _bytes(pairs)
    keys, added = _listed(one.vocabulary, tokens[_WORDS:])
    listed, list_scale = _bytes(added)
    head = Head(
        lang=one.vocabulary.lang,
        bias=_two(bias[place if count > 1 else 0]),
        marks=[_two(row) for row in marks],
        word_scale=word_scale,
        pair_scale=pair_scale,
        list_scale=list_scale,
        listed=len(keys),
    )
    said = array("b", listed.tobytes())
    return Model(head, Tables(words.tobytes(), paired.tobytes(), keys, said))


def _two(row: Floats) -> tuple[float, float]:
    return round(float(row[0]), 5), round(float(row[1]), 5)


def _bytes(weights: Floats) -> tuple[npt.NDArray[np.int8], float]:
    """Weights as signed bytes (`model.LEVELS`), and what the level one is worth."""
    top = float(np.abs(weights).max(initial=0.0)) or 1.0
    scale = float(f"{top / 127**2:.6g}")
    roots = np.sign(weights) * np.sqrt(np.abs(weights) / scale)
    return np.clip(np.rint(roots), -127, 127).astype(np.int8), scale


def _listed(vocabulary: Vocabulary, columns: Floats) -> tuple[list[int], Floats]:
    """Keys of the words of the lists, in order, and what each adds, plain and negated."""
    words = vocabulary.words_listed()
    by_key = {features.key(word): word for word in sorted(words)}
    keys = sorted(by_key)
    values = np.array([vocabulary.lists.columns(by_key[key]) for key in keys]).reshape(-1, COLUMNS)
    return keys, np.hstack([values @ columns[:COLUMNS], values @ columns[COLUMNS:]])
