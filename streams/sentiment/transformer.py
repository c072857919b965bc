"""The engine `transformers`: a sequence classifier of one's own, in ONNX form.

Reads any model that `streams.sentiment.onnx_model` opens, and never downloads one.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from streams.errors import ConfigError
from streams.records import Sentiment
from streams.sentiment.language import UNDETERMINED, identify, normalise
from streams.sentiment.onnx_model import CLASSES, Model, Shares, Tokens

TargetAs = Literal["none", "pair", "prefix"]
"""How a model is told the target: not at all, as the second text of a pair, or as `name: text`."""

Scope = Literal["post", "target"]

_TOKEN_CHARACTERS: Final = 16  # a token stands for fewer: what lies beyond would be cut anyway
_TARGET_CHARACTERS: Final = 60
_BATCH: Final = 32  # texts a run; beyond it more memory buys no speed on a processor

_WORD: Final = re.compile(r"(?<!\S)(?!@|https?:|www\.)\S*?[^\W\d_]")
_LETTER: Final = re.compile(r"[^\W\d_]")
_EMOTICON: Final = re.compile(r"[:;=8][-'^]?[()\[\]/|*]|\({2}|\){2}|<3")


class Asked(NamedTuple):
    """What `score` is given, as one value."""

    text: str
    lang: str
    target: Sequence[str] = ()


class _Ready(NamedTuple):
    """A text the model reads, and the rest of the answer to be."""

    at: int
    tokens: Tokens
    scope: Scope
    reason: str


class TransformerScorer:
    """A model behind `score`; one instance may serve many threads.

    `languages` are the tags of those it was made for; none means any. Of a text the first 512
    tokens are read, or as many as the model can. Raises `ConfigError` where the directory can't
    be used.
    """

    name: Final = "transformers"

    def __init__(
        self, directory: Path, languages: Iterable[str] = (), target_as: TargetAs = "none"
    ) -> None:
        self._languages = tuple(map(_code, languages))
        self._target_as = target_as
        self._model = Model(directory)

    def score(self, text: str, lang: str, target: Sequence[str] = ()) -> Sentiment:
        return self.score_many([Asked(text, lang, target)])[0]

    def score_many(self, asked: Sequence[Asked]) -> list[Sentiment]:
        """The answers in order. Texts of like length share a run, so that little is padded."""
        answers: list[Sentiment] = []
        ready: list[_Ready] = []
        for at, each in enumerate(asked):
            found = self._read(at, each)
            answers.append(self._unscored(found if isinstance(found, str) else ""))
            if isinstance(found, _Ready):
                ready.append(found)
        ready.sort(key=lambda one: len(one.tokens.ids))
        for start in range(0, len(ready), _BATCH):
            batch = ready[start : start + _BATCH]
            rows = self._model.shares([one.tokens for one in batch])
            for one, shares in zip(batch, rows, strict=True):
                answers[one.at] = self._judged(one, shares)
        return answers

    def _read(self, at: int, asked: Asked) -> _Ready | str:
        """The text as the model reads it, or why it is not judged."""
        text = asked.text[: self._model.length * _TOKEN_CHARACTERS]
        if refusal := nothing_to_judge(text) or self._refusal(text, asked.lang):
            return refusal
        name, reason = self._aim(text, asked.target)
        if name and self._target_as == "prefix":
            tokens = self._model.read(f"{name}: {text}")
        else:
            tokens = self._model.read(text, name)
        if tokens is None:
            return "no words that the model knows"
        return _Ready(at, tokens, "target" if name else "post", reason)

    def _aim(self, text: str, target: Sequence[str]) -> tuple[str, str]:
        """The name that the model is told, if any, and what is to be said of it."""
        names = [name[:_TARGET_CHARACTERS] for name in target if name.strip()]
        if self._target_as == "none" or not names:
            return "", ""
        folded = text.casefold()
        found = next((name for name in names if name.casefold() in folded), "")
        return found, "" if found else "the target is not named in the text"

    def _refusal(self, text: str, lang: str) -> str:
        """Why a text is left alone for its language; empty if it is not."""
        if not self._languages or _LETTER.search(text) is None:
            return ""
        code = UNDETERMINED if lang == UNDETERMINED else normalise(lang) or identify(text).code
        if code in self._languages:
            return ""
        if code == UNDETERMINED:
            return "language not identified"
        made_for = ", ".join(self._languages)
        return f"language {code} is not supported by the engine {self.name}, set to {made_for}"

    def _judged(self, one: _Ready, shares: Shares | None) -> Sentiment:
        if shares is None:
            return self._unscored("the model answered with no number")
        label = max(CLASSES, key=lambda name: shares[name])
        return Sentiment(
            label=label,
            score=round(shares["pos"] - shares["neg"], 3),
            confidence=round(shares[label], 3),
            engine=self.name,
            scope=one.scope,
            reason=one.reason,
        )

    def _unscored(self, reason: str) -> Sentiment:
        return Sentiment(label="unscored", engine=self.name, reason=reason)


def nothing_to_judge(text: str) -> str:
    """Why no model could judge the text; empty if one could. Emoji and emoticons are something."""
    if not text.strip():
        return "no text"
    if _WORD.search(text):
        return ""
    if _LETTER.search(text):
        return "only links or mentions"
    if _EMOTICON.search(text) or any(unicodedata.category(sign) == "So" for sign in text):
        return ""
    return "no words and no emoji"


def _code(language: str) -> str:
    if code := normalise(language):
        return code
    raise ConfigError(
        f"sentiment.languages: {language!r} is no language. Remedy: codes such as en,fr"
    )
