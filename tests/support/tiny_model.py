"""A model directory in Hugging Face's layout, small enough to make in a test, yet real: an ONNX
graph that adds up a row of three numbers for each token, and a tokenizer that knows twelve words.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = ["good", "great", "bad", "awful", "table", "the", "food", "vexil", "acmeron", "бренд", "😍"]
SENTIMENT = {"good": 1.0, "great": 2.0, "bad": -1.0, "awful": -2.0, "😍": 3.0}
LABELS = {"0": "Negative", "1": "Neutral", "2": "Positive"}
POSITIONS = 32
PAIR = 5.0
"""What a second text of a pair adds to the logit of the neutral class, a token."""


def require_transformers() -> None:
    """Skip without the extra `transformers`; fail instead under `CI=true`."""
    for name in ("onnxruntime", "tokenizers", "onnx", "numpy"):
        try:
            __import__(name)
        except ImportError as error:
            reason = f"needs the extra transformers and onnx: {error}"
            if os.environ.get("CI", "").lower() == "true":
                pytest.fail(f"CI {reason}", pytrace=False)
            pytest.skip(reason)


def write_model(
    directory: Path,
    *,
    labels: Mapping[str, str] = LABELS,
    inputs: Sequence[str] = ("input_ids", "attention_mask", "token_type_ids"),
    kind: str = "INT64",
    classes: int = 3,
    positions: int = POSITIONS,
    fixed: int | None = None,
    file: str = "model.onnx",
    config: Mapping[str, Any] | None = None,
) -> Path:
    """Write the four files. `positions` are those the graph has, whatever `config.json` says;
    `fixed` is a batch of that size and no other."""
    (directory / file).parent.mkdir(parents=True, exist_ok=True)
    _write_graph(
        directory / file,
        inputs=inputs,
        kind=kind,
        classes=classes,
        positions=positions,
        fixed=fixed,
    )
    _write_tokenizer(directory / "tokenizer.json")
    told = {
        "id2label": dict(labels),
        "model_type": "bert",
        "max_position_embeddings": POSITIONS,
        "pad_token_id": 0,
    }
    (directory / "config.json").write_text(json.dumps({**told, **(config or {})}), "utf-8")
    return directory


def rows(classes: int) -> list[list[float]]:
    """For each token what it adds to negative, neutral and positive."""
    table = []
    for token in [*MARKS, *WORDS]:
        weight = SENTIMENT.get(token, 0.0)
        table.append([-weight, 0.0, weight, 0.0, 0.0][:classes])
    return table


def _write_tokenizer(path: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {token: number for number, token in enumerate([*MARKS, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(path))


def _write_graph(
    path: Path,
    *,
    inputs: Sequence[str],
    kind: str,
    classes: int,
    positions: int,
    fixed: int | None,
) -> None:
    """logits = sum over tokens of mask * (table[id] + place[position]) + sum of types * pair."""
    import numpy
    from onnx import TensorProto, helper, numpy_helper, save

    whole = getattr(TensorProto, kind)
    shape = [fixed or "batch", "length"]
    given = [helper.make_tensor_value_info(name, whole, shape) for name in inputs]
    told = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])
    constants = {
        "table": numpy.array(rows(classes), "float32"),
        "places": numpy.zeros((positions, classes), "float32"),
        "pair": numpy.array([0, PAIR, 0, 0, 0][:classes], "float32"),
        "zero": numpy.array(0, "int64"),
        "one": numpy.array(1, "int64"),
        "axis": numpy.array([1], "int64"),
        "last": numpy.array([2], "int64"),
    }
    node = helper.make_node
    nodes = [
        node("Shape", ["input_ids"], ["shape"]),
        node("Gather", ["shape", "one"], ["length"]),
        node("Range", ["zero", "length", "one"], ["position"]),
        node("Gather", ["places", "position"], ["placed"]),
        node("Gather", ["table", "input_ids"], ["looked_up"]),
        node("Add", ["looked_up", "placed"], ["tokens"]),
        node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["mask", "last"], ["mask_column"]),
        node("Mul", ["tokens", "mask_column"], ["masked"]),
        node("ReduceSum", ["masked", "axis"], ["summed"], keepdims=0),
    ]
    if "token_type_ids" in inputs:
        nodes += [
            node("Cast", ["token_type_ids"], ["types"], to=TensorProto.FLOAT),
            node("ReduceSum", ["types", "axis"], ["second"], keepdims=1),
            node("Mul", ["second", "pair"], ["told"]),
            node("Add", ["summed", "told"], ["logits"]),
        ]
    else:
        nodes.append(node("Identity", ["summed"], ["logits"]))
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", given, [told], weights)
    # What the oldest runtime allowed reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    save(model, str(path))
