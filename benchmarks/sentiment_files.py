"""The labelled files of the benchmark, and whether the models have seen their texts."""

import json
import sys
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Final

from benchmarks.sentiment_engines import Example
from benchmarks.sentiment_figures import LABELS
from streams.errors import ConfigError
from streams.sentiment import SUPPORTED
from streams.sentiment.corpora import fingerprint, fingerprints, read_corpus, refuse_seen

TRAINED_ON: Final = Path("../shared/data/sentiment")
"""Where `veille sentiment train` finds its data."""
MOST_SEEN: Final = 0.05
"""The share of a file that may have been trained on: short texts such as `thanks!` are in every
file, and are left out; a file with more of them is no file to judge by."""


def examples(path: Path, lang: str) -> Iterator[Example]:
    """The labelled texts of a file. Ends the program at a label that is none."""
    named = language_of(path.stem) or lang
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        row = json.loads(line)
        label = str(row.get("label", ""))[:3]
        if label not in LABELS:
            sys.exit(f"{path}:{number}: label {row.get('label')!r}: expected one of {LABELS}")
        target = row.get("target") or ()
        names = (target,) if isinstance(target, str) else tuple(target)
        yield Example(row["text"], label, row.get("lang") or named, names)


def language_of(name: str) -> str:
    """`fr` for `tweets-fr-val`; empty for a name that holds no supported language."""
    return next((part for part in name.split("-") if part in SUPPORTED), "")


def trained_on(folder: Path) -> set[bytes]:
    """Fingerprints of the texts that models of this folder are trained on, in all languages: a few
    seconds, and none where the folder holds no such data."""
    return {
        told
        for lang in SUPPORTED
        for told in fingerprints(one.text for one in read_corpus(folder, lang).train)
    }


def unseen(path: Path, lang: str, seen: Set[bytes]) -> tuple[list[Example], int]:
    """The labelled texts of a file without near copies of what was trained on, and how many those
    were. Ends the program where they are more than `MOST_SEEN`."""
    found = list(examples(path, lang))
    try:
        refuse_seen(path, seen, MOST_SEEN)
    except ConfigError as error:
        sys.exit(str(error))
    kept = [one for one in found if fingerprint(one.text) not in seen]
    return kept, len(found) - len(kept)
