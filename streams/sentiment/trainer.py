"""Train, calibrate, compare with the model there is, and keep what is not worse."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from streams.errors import ConfigError
from streams.sentiment.calibration import Figures, Seen, confidence, figures, placed, seen
from streams.sentiment.corpora import Corpus, by_register, fingerprints, read_corpus
from streams.sentiment.language import SUPPORTED
from streams.sentiment.model import Model, pack, unpack
from streams.sentiment.training import GROUPS, Progress, train

_TOLERANCE: Final = 0.002  # of macro-F1, by which a model may be worse by chance

_MANY: Final = 1_000  # texts held out, from which a model has a confidence of its own

Load = Callable[[str], Model | None]


class Outcome(NamedTuple):
    """A model by its name, its figures on each set held out, and those of the model there was."""

    name: str
    raw: bytes
    before: dict[str, Figures]
    after: dict[str, Figures]

    @property
    def worse(self) -> str:
        """Why it must not replace the model there was; empty if it may."""
        if not self.before:
            return ""
        was, now = _mean(self.before), _mean(self.after)
        if now < was - _TOLERANCE:
            return f"macro-F1 in the mean over what is held out falls from {was:.3f} to {now:.3f}"
        if "labels" in self.before and self.after["labels"].f1 < self.before["labels"].f1:
            was, now = self.before["labels"].f1, self.after["labels"].f1
            return f"macro-F1 on the staff labels held out falls from {was:.3f} to {now:.3f}"
        return ""


def _mean(of_sets: dict[str, Figures]) -> float:
    return sum(each.f1 for each in of_sets.values()) / len(of_sets)


def retrain(
    folder: Path,
    langs: Sequence[str],
    load: Load,
    *,
    labels: Path | None = None,
    progress: Progress = lambda _: None,
) -> Iterable[Outcome]:
    """The outcome for each language, one group after the other.

    `load` gives the model there was. Raises `ConfigError` for bad data, or if there is none.
    """
    wanted = [lang for lang in SUPPORTED if lang in langs]
    for group in GROUPS:
        if not set(group) & set(wanted):
            continue
        read = [read_corpus(folder, lang, labels) for lang in group]
        apart = [by_register(corpus) for corpus in read if corpus.train]
        corpora = [part for parts in apart for part in parts]
        if not corpora:
            raise ConfigError(
                f"{folder}: no training data for {', '.join(group)}. Remedy: --data with files "
                "such as umsab-fr-train.jsonl, or --lang"
            )
        models = {name: model for parts in apart for name, model in train(parts, progress).items()}
        progress(f"{', '.join(models)}: judging {_size(corpora):,} texts held out")
        models = _calibrated(models, corpora)
        for corpus in corpora:
            if corpus.lang in wanted:
                yield _outcome(corpus, models[corpus.name], load(corpus.name))


def _calibrated(models: dict[str, Model], corpora: Sequence[Corpus]) -> dict[str, Model]:
    """Borders for each model; and confidence, one for the group where its texts are few."""
    models = {
        corpus.name: placed(models[corpus.name], _seen(models[corpus.name], corpus))
        for corpus in corpora
    }
    sets = {corpus.name: _seen(models[corpus.name], corpus) for corpus in corpora}
    pooled = {
        f"{model}/{name}" if len(sets) > 1 else name: rows
        for model, of_model in sets.items()
        for name, rows in of_model.items()
    }
    return {
        name: Model(
            msgspec.structs.replace(
                model.head,
                confidence=confidence(
                    sets[name] if sum(map(len, sets[name].values())) >= _MANY else pooled
                ),
            ),
            model.tables,
        )
        for name, model in models.items()
    }


def _seen(model: Model, corpus: Corpus) -> dict[str, list[Seen]]:
    return {name: seen(model, rows) for name, rows in corpus.held_out.items()}


def _size(corpora: Iterable[Corpus]) -> int:
    return sum(len(rows) for corpus in corpora for rows in corpus.held_out.values())


def _outcome(corpus: Corpus, model: Model, before: Model | None) -> Outcome:
    if before is not None:
        towards = before.head.towards
        model = Model(msgspec.structs.replace(model.head, towards=towards), model.tables)
    after = _figures(model, corpus)
    head = msgspec.structs.replace(
        model.head,
        held_out={name: round(each.f1, 4) for name, each in after.items()},
        trained_on=trained_on(corpus),
    )
    raw = pack(head, model.tables)
    return Outcome(corpus.name, raw, _figures(before, corpus) if before else {}, after)


def _figures(model: Model, corpus: Corpus) -> dict[str, Figures]:
    return {name: figures(model, rows) for name, rows in _seen(model, corpus).items()}


def trained_on(corpus: Corpus) -> str:
    """A hash of the training texts: two models of the same data have the same."""
    told = b"".join(sorted(fingerprints(one.text for one in corpus.train)))
    return hashlib.sha256(told).hexdigest()[:32]


def read_model(path: Path) -> Model | None:
    """The model of a file; None if there is none. Raises `ConfigError`."""
    return unpack(path.read_bytes()) if path.is_file() else None
