"""A text classifier in ONNX form from a local directory in Hugging Face's layout.

The directory holds `model.onnx` or `onnx/model.onnx`, `tokenizer.json`, and `config.json` with the
names of the classes. Nothing is ever downloaded. `onnxruntime`, `tokenizers` and `numpy` come with
the extra `transformers` and are imported when a model is opened.
"""

import importlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

from streams.errors import ConfigError

Class = Literal["neu", "neg", "pos"]
Shares = dict[Class, float]
"""How likely each class is; they add up to 1."""

CLASSES: Final[tuple[Class, ...]] = ("neu", "neg", "pos")
FILES: Final = ("model.onnx", "onnx/model.onnx", "onnx/model_quantized.onnx")
INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids")

_MOST_TOKENS: Final = 512  # read of a text, whatever the model allows: time grows with the square

# Positions of these begin after the padding's, so that a model of 514 reads 512 tokens.
_SHIFTED: Final = frozenset({"camembert", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl"})

_STARS: Final = re.compile(r"([1-5])(?:[ _-]?stars?)?")
_DEGREE: Final = re.compile(r"^(?:very|extremely|strongly|somewhat|slightly|weakly)[ _-]")
_NAMES: Final[Mapping[str, Class]] = {
    "neg": "neg",
    "negative": "neg",
    "neu": "neu",
    "neutral": "neu",
    "pos": "pos",
    "positive": "pos",
}


class Tokens(NamedTuple):
    """A text, or a pair of texts, as the model reads it."""

    ids: Sequence[int]
    types: Sequence[int]


class Model:
    """A session with its tokenizer and the names of its classes; many threads may use it.

    Raises `ConfigError` that names the file and the remedy, for whatever would fail later too.
    """

    def __init__(self, directory: Path) -> None:
        if not directory.is_dir():
            raise ConfigError(
                f"sentiment.model_dir {str(directory)!r}: no such directory. Remedy: one with "
                "model.onnx, tokenizer.json and config.json"
            )
        runtime, tokenizers, self._numpy = _imported()
        path = directory / "config.json"
        config = _config(path)
        self._classes = _classes(config, path)
        self._padding = config.pad_token_id or 0
        self.length = min(_length(config, path), _tokenizer_length(directory), _MOST_TOKENS)
        self._tokenizer = _tokenizer(directory / "tokenizer.json", tokenizers)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.length, strategy="longest_first")
        self._unknown = _unknown(self._tokenizer)
        self._path = _model_file(directory)
        self._session = _session(self._path, runtime)
        self._inputs = _inputs(self._session, self._path)
        self._output = _output(self._session)
        self._try()

    def read(self, text: str, pair: str = "") -> Tokens | None:
        """The tokens of a text, as many as the model reads; `None` if it knows none of them."""
        encoding = self._tokenizer.encode(_whole(text), _whole(pair) or None)
        marks = zip(encoding.ids, encoding.special_tokens_mask, strict=True)
        if all(special or token == self._unknown for token, special in marks):
            return None
        return Tokens(encoding.ids, encoding.type_ids)

    def shares(self, texts: Sequence[Tokens]) -> Iterator[Shares | None]:
        """The model's answer to each text; `None` where it is not a number."""
        for row in self._softmax(self._logits(texts)):
            shares: Shares = {"neg": 0.0, "neu": 0.0, "pos": 0.0}
            for label, share in zip(self._classes, row, strict=True):
                shares[label] += share
            yield shares if math.isfinite(sum(row)) else None

    def _logits(self, texts: Sequence[Tokens]) -> Any:
        shape = (len(texts), max(len(text.ids) for text in texts))
        arrays = {name: self._numpy.zeros(shape, "int64") for name in INPUTS}
        arrays["input_ids"].fill(self._padding)
        for row, text in enumerate(texts):
            count = len(text.ids)
            arrays["input_ids"][row, :count] = text.ids
            arrays["attention_mask"][row, :count] = 1
            arrays["token_type_ids"][row, :count] = text.types
        given = {name: arrays[name].astype(kind) for name, kind in self._inputs.items()}
        return self._session.run([self._output], given)[0]

    def _softmax(self, logits: Any) -> list[list[float]]:
        with self._numpy.errstate(all="ignore"):
            wide = logits.astype("float64")
            raised = self._numpy.exp(wide - wide.max(axis=1, keepdims=True))
            rows: list[list[float]] = (raised / raised.sum(axis=1, keepdims=True)).tolist()
        return rows

    def _try(self) -> None:
        """Run over a short text and one of full length: what can fail should do so here."""
        short, long = (Tokens([self._padding] * n, [0] * n) for n in (1, self.length))
        try:
            found = self._logits([short, long]).shape
        except Exception as error:  # noqa: BLE001  # the runtime's errors have no base
            raise ConfigError(
                f"{self._path}: can't read texts of up to {self.length} tokens: {_said(error)}. "
                "Remedy: export the model with dynamic axes, beside its own config.json"
            ) from None
        if found != (2, len(self._classes)):
            raise ConfigError(
                f"{self._path}: answers two texts with numbers of shape {found}, while config.json "
                f"names {len(self._classes)} classes. Remedy: export it for text classification"
            )


def _said(error: Exception) -> str:
    """What the library says, on one line."""
    return " ".join(str(error).split())


def _whole(text: str) -> str:
    """The text without lone surrogates, which have no bytes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _imported() -> tuple[Any, Any, Any]:
    try:
        names = ("onnxruntime", "tokenizers", "numpy")
        runtime, tokenizers, numpy = map(importlib.import_module, names)
    except ImportError as error:
        raise ConfigError(
            f"sentiment engine 'transformers': {error}. Remedy: pip install 'veille[transformers]'"
        ) from None
    runtime.disable_telemetry_events()
    runtime.set_default_logger_severity(4)  # what is fatal: errors are raised as well
    return runtime, tokenizers, numpy


class _Config(msgspec.Struct):
    """What is read of `config.json`."""

    id2label: dict[str, str] = {}
    model_type: str = ""
    max_position_embeddings: int = _MOST_TOKENS
    pad_token_id: int | None = None


def _config(path: Path) -> _Config:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Config)
    except FileNotFoundError:
        raise _missing(path, "copy the model's own, which names the classes") from None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}. Remedy: copy the model's own again") from None


def _classes(config: _Config, path: Path) -> list[Class]:
    """The class of each of the model's outputs, in order; stars share classes."""
    try:
        numbers = sorted(config.id2label, key=int)
    except ValueError:
        raise _unnamed(path, f"has keys that are no numbers: {list(config.id2label)}") from None
    classes = [_class_of(config.id2label[number], path) for number in numbers]
    if not {"neg", "pos"} <= set(classes):
        raise _unnamed(path, f"has the classes {list(config.id2label.values())}")
    return classes


def _class_of(name: str, path: Path) -> Class:
    """`pos` for `Positive`, `very positive`, `POS` and `5 stars`; 3 stars are neutral."""
    plain = _DEGREE.sub("", name.strip().lower())
    if stars := _STARS.fullmatch(plain):
        number = int(stars[1])
        return "neg" if number < 3 else "pos" if number > 3 else "neu"
    if plain not in _NAMES:
        raise _unnamed(path, f"calls a class {name!r}")
    return _NAMES[plain]


def _unnamed(path: Path, what: str) -> ConfigError:
    return ConfigError(
        f"{path}: id2label {what}. Remedy: name the classes negative, neutral and positive there, "
        "or 1 star to 5 stars, in the order of the model's outputs"
    )


def _missing(path: Path, remedy: str) -> ConfigError:
    return ConfigError(f"{path}: no such file. Remedy: {remedy}")


def _length(config: _Config, path: Path) -> int:
    """Tokens that the model reads, its own marks among them."""
    shift = (config.pad_token_id or 0) + 1 if config.model_type in _SHIFTED else 0
    length = config.max_position_embeddings - shift
    if length < 4 or (config.pad_token_id or 0) < 0:
        raise ConfigError(
            f"{path}: max_position_embeddings {config.max_position_embeddings} or pad_token_id "
            f"{config.pad_token_id} is out of range. Remedy: copy the model's own again"
        )
    return length


def _tokenizer_length(directory: Path) -> int:
    """`model_max_length` of tokenizer_config.json, which is enormous where nobody set it."""
    try:
        raw = msgspec.json.decode((directory / "tokenizer_config.json").read_bytes())
        return max(4, int(raw["model_max_length"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return _MOST_TOKENS


def _tokenizer(path: Path, tokenizers: Any) -> Any:
    if not path.is_file():
        raise _missing(path, "save the model's tokenizer as a fast one, which writes that file")
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001  # the library raises no narrower one
        raise ConfigError(f"{path}: {_said(error)}. Remedy: copy the model's own again") from None


def _unknown(tokenizer: Any) -> int | None:
    """The number of the token for what is not known; `None` where bytes are always known."""
    for name in ("[UNK]", "<unk>"):
        if (number := tokenizer.token_to_id(name)) is not None:
            return int(number)
    return None


def _model_file(directory: Path) -> Path:
    for name in FILES:
        if (directory / name).is_file():
            return directory / name
    command = f"optimum-cli export onnx --task text-classification --model {directory} {directory}"
    raise _missing(directory / FILES[0], command)


def _session(path: Path, runtime: Any) -> Any:
    try:
        return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  # the runtime's errors have no base
        raise ConfigError(
            f"{path}: {_said(error)}. Remedy: export the model to ONNX again, with all its files"
        ) from None


def _inputs(session: Any, path: Path) -> dict[str, str]:
    """The names of the inputs, each with the kind of whole number it takes."""
    kinds = {each.name: each.type for each in session.get_inputs()}
    for name, kind in kinds.items():
        if name not in INPUTS or kind not in ("tensor(int64)", "tensor(int32)"):
            raise ConfigError(
                f"{path}: wants the input {name!r} of {kind}. Remedy: a model for text "
                f"classification, whose inputs are whole numbers: {', '.join(INPUTS)}"
            )
    return {name: kind.removeprefix("tensor(").removesuffix(")") for name, kind in kinds.items()}


def _output(session: Any) -> str:
    names = [str(output.name) for output in session.get_outputs()]
    return "logits" if "logits" in names else names[0]
