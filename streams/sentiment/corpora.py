"""Labelled texts to train on and to judge by: read, kept apart, and checked not to overlap."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

import msgspec

from streams.errors import ConfigError
from streams.sentiment.registers import NAMES, register

LABELS: Final = ("pos", "neg", "neu")
_HELD: Final = 8  # one in so many texts of a training file is held out


class Source(NamedTuple):
    """A file of the data: how much each of its texts counts in training, and how much what is held
    out of it counts in placing the borders between labels."""

    name: str
    lang: str
    weight: float
    say: float = 1.0
    judged_only: bool = False
    skewed: bool = False  # one label is by far the commonest, and will be where it is used


_UMSAB: Final = ("fr", "es", "de", "it", "pt")
SOURCES: Final = (
    Source("semeval-en-train", "en", 1.0, say=3.0),
    Source("goemotions-en-train", "en", 0.6, say=0.75),
    Source("goemotions-en-dev", "en", 0.0, say=0.75, judged_only=True),
    Source("rusentitweet-ru-train", "ru", 1.0, say=3.0),
    Source("cedr-ru-train", "ru", 0.5, say=0.5),
    Source("sentirueval15-banks-ru", "ru", 0.7, skewed=True),
    Source("sentirueval15-telecoms-ru", "ru", 0.7, skewed=True),
    *(Source(f"umsab-{lang}-train", lang, 1.0) for lang in _UMSAB),
    *(Source(f"umsab-{lang}-val", lang, 0.0, judged_only=True) for lang in _UMSAB),
)
BY_NAME: Final = {source.name: source for source in SOURCES}
LABELLED: Final = Source("labels", "", 3.0)
"""Staff labels, of any language."""


class Example(NamedTuple):
    text: str
    label: int  # index in LABELS
    source: str
    weight: float


class _Row(msgspec.Struct):
    text: str
    label: str
    lang: str = ""


class Corpus(NamedTuple):
    """One model's examples: to train on, and by source those held out."""

    lang: str
    train: list[Example]
    held_out: dict[str, list[Example]]
    register: str = ""  # of the language, if it has several

    @property
    def name(self) -> str:
        """Of the model."""
        return self.register or self.lang


def by_register(corpus: Corpus) -> list[Corpus]:
    """The corpus as one for each model of its language. Texts of a source are held out for the
    model that most of them belong to."""
    names = NAMES.get(corpus.lang)
    if names is None:
        return [corpus]
    parts = {name: Corpus(corpus.lang, [], {}, name) for name in names}
    for one in corpus.train:
        parts[register(one.text, corpus.lang)].train.append(one)
    for source, rows in corpus.held_out.items():
        divided = {
            name: [row for row in rows if register(row.text, corpus.lang) == name] for name in names
        }
        most = max(names, key=lambda name: len(divided[name]))
        parts[most].held_out[source] = divided[most]
    return [part for part in parts.values() if part.train]


def read_corpus(folder: Path, lang: str, labels: Path | None = None) -> Corpus:
    """What the folder (and the file of staff labels) holds in a language.

    A text is held out by its own hash, so the same ones always are. Raises `ConfigError`.
    """
    train: list[Example] = []
    held: dict[str, list[Example]] = {}
    for source in (one for one in SOURCES if one.lang == lang):
        path = folder / f"{source.name}.jsonl"
        if not path.is_file():
            continue
        kept, apart = _divided(_rows(path, source.name, source.weight), source.judged_only)
        train += kept
        held[source.name] = apart
    if labels is not None:
        rows = _rows(labels, LABELLED.name, LABELLED.weight, lang)
        kept, apart = _divided(rows, judged_only=False, share=4)
        train += kept
        held["labels"] = apart
    seen = fingerprints(one.text for one in train)
    held = {
        name: [one for one in apart if fingerprint(one.text) not in seen]
        for name, apart in held.items()
    }
    return Corpus(lang, train, {name: apart for name, apart in held.items() if apart})


def _divided(
    rows: Iterable[Example], judged_only: bool, share: int = _HELD
) -> tuple[list[Example], list[Example]]:
    kept: list[Example] = []
    apart: list[Example] = []
    for row in rows:
        out = judged_only or (row.source[:5] != "umsab" and _number(row.text) % share == 0)
        (apart if out else kept).append(row)
    return kept, apart


def _number(text: str) -> int:
    return crc32(_bare(text).encode("utf-8", "surrogatepass"))


def _rows(path: Path, source: str, weight: float, lang: str = "") -> Iterator[Example]:
    decode = msgspec.json.Decoder(_Row).decode
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}. Remedy: name a file that can be read"
        ) from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = decode(line)
            label = LABELS.index(row.label[:3])
        except (msgspec.DecodeError, ValueError) as error:
            raise ConfigError(
                f'{path}:{number}: {error}. Remedy: {{"text", "label": one of pos, neg, neu, '
                '"lang"}} a line'
            ) from None
        if not lang or row.lang == lang:
            yield Example(row.text, label, source, weight)


_NOISE: Final = re.compile(r"https?\S*|@\w+|[\W_]+")


def _bare(text: str) -> str:
    """A text without what its copies may differ in: links, names, marks, spaces, case."""
    return _NOISE.sub(" ", text.lower()).strip()


def fingerprint(text: str) -> bytes:
    """Eight bytes that stand for a text and its near copies."""
    bare = _bare(text) or text
    return hashlib.blake2b(bare.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def fingerprints(texts: Iterable[str]) -> set[bytes]:
    return set(map(fingerprint, texts))


def refuse_seen(path: Path, trained_on: Set[bytes], most: float = 0.0) -> None:
    """Raises `ConfigError` if more than the share `most` of a file to judge by was trained on."""
    rows = [json.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
    shared = [row["text"] for row in rows if fingerprint(row["text"]) in trained_on]
    if len(shared) > most * len(rows):
        raise ConfigError(
            f"{path}: {len(shared)} of {len(rows)} texts were trained on, such as "
            f"{shared[0][:60]!r}. Remedy: judge by texts the model has not seen"
        )
