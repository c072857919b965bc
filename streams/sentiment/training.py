"""From labelled texts to the weights of a model: logistic regression over hashed features.

The languages of a group are trained together: each weight is the sum of one that all share and one
of the language's own, so that what Romance languages spell alike is learned once. A text's figures
are `texts x tokens` times `tokens x buckets` times weights; kept as factors, a step of the descent
costs a few hundredths of a second. The same data gives the same bytes.
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
"""Languages that are trained together."""

_LISTED: Final = 2 * COLUMNS  # of the lists: for a word as it is, and under a negation
_WORDS: Final = 1 << features.WORD_BITS
_PAIRS: Final = 1 << features.PAIR_BITS
_STEPS: Final = 120


class Strength(NamedTuple):
    """How strongly weights are held near zero, by what they belong to."""

    shared: float
    own: float
    lists: float
    marks: float


_STRENGTH: Final = {
    "en": Strength(3e-5, 0.0, 3e-6, 1e-6),
    "ru": Strength(3e-5, 0.0, 3e-6, 3e-6),
    "fr": Strength(1e-4, 1e-4, 1e-5, 1e-5),
}


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
        values += [features.letter_share(len(letters))] * len(letters)
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
    for one in learnt:
        progress(f"{one.vocabulary.lang}: read {len(one.examples):,} texts")
    blocks = _blocks(learnt)
    labels = np.array([one.label for each in learnt for one in each.examples], dtype=np.int64)
    importance = np.concatenate([importances(one.examples) for one in learnt])
    progress(f"{'+'.join(one.vocabulary.lang for one in learnt)}: fitting")
    weights = fit(blocks, labels, importance)
    return {
        one.vocabulary.lang: _model(one, weights, place, len(learnt))
        for place, one in enumerate(learnt)
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
    """Tokens, pairs, marks and bias; and if there are several languages, each one's own tokens."""
    strength = _STRENGTH[learnt[0].vocabulary.lang]
    shared = np.full(_WORDS + _LISTED, strength.shared)
    shared[_WORDS:] = strength.lists
    tokens = sparse.block_diag([one.tokens for one in learnt], format="csr")
    stacked = sparse.vstack([one.features for one in learnt]).tocsr()
    pairs = sparse.vstack([one.texts.pairs for one in learnt]).tocsr()
    marks = sparse.csr_matrix(np.vstack([one.texts.marks for one in learnt]))
    bias = sparse.block_diag([np.ones((len(one.examples), 1)) for one in learnt], format="csr")
    blocks = [
        Block((tokens, stacked), shared),
        Block((pairs,), np.full(_PAIRS, strength.shared)),
        Block((marks,), np.full(len(features.MARKS), strength.marks)),
        Block((bias,), np.full(len(learnt), strength.marks)),
    ]
    if len(learnt) > 1:
        apart = sparse.block_diag([one.features for one in learnt], format="csr")
        own = np.full(_WORDS + _LISTED, strength.own)
        own[_WORDS:] = 3 * strength.lists
        blocks.append(Block((tokens, apart), np.tile(own, len(learnt))))
    return blocks


def _model(one: _Learning, weights: Sequence[Floats], place: int, count: int) -> Model:
    """The weights of one language as a model's tables: positive and negative beside neutral."""
    tokens, pairs, marks, bias, *own = weights
    if own:
        width = _WORDS + _LISTED
        tokens = tokens + own[0][place * width : (place + 1) * width]
    tokens, pairs, marks, bias = (
        each[:, :2] - each[:, 2:] for each in (tokens, pairs, marks, bias)
    )
    words, word_scale = _bytes(tokens[:_WORDS])
    paired, pair_scale = _bytes(pairs)
    keys, said = _listed(one.vocabulary, tokens[_WORDS:])
    listed, list_scale = _bytes(said)
    head = Head(
        lang=one.vocabulary.lang,
        bias=_two(bias[place if count > 1 else 0]),
        marks=[_two(row) for row in marks],
        word_scale=word_scale,
        pair_scale=pair_scale,
        list_scale=list_scale,
        listed=len(keys),
    )
    pos, neg, pair_pos, pair_neg = (
        _signed(table[:, side]) for table in (words, paired) for side in (0, 1)
    )
    return Model(head, Tables((pos, neg), (pair_pos, pair_neg), keys, _signed(listed)))


def _signed(table: npt.NDArray[np.int8]) -> Sequence[int]:
    return array("b", table.tobytes())


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
