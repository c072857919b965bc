"""A YAML file of one mapping, with the line of each of its values."""

from pathlib import Path
from typing import Any, Final

import yaml

from streams.errors import ConfigError

Place = tuple[str | int, ...]
"""The keys and indices that lead to a value."""
Lines = dict[Place, int]
_QUICK: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(path: Path) -> tuple[dict[str, Any], Lines]:
    """What a file says and where; nothing where there is none. Raises `ConfigError` that names the
    file, the line and the remedy."""
    try:
        node, raw = _parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: can't be read: {error}") from None
    except (ValueError, RecursionError) as error:  # a date that is none, lists without end
        raise ConfigError(f"{path}: {error}. Remedy: put the value in quotes") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise ConfigError(
            f"{path}{line}: {problem}. Remedy: check indentation and quotes"
        ) from None
    if raw is None:
        return {}, {}
    if not isinstance(raw, dict):
        raise ConfigError(
            f"{path}:1: expected settings (`name: value`), found {type(raw).__name__}"
        )
    for key in raw:
        if not isinstance(key, str):
            raise ConfigError(f"{path}: {key!r} is no setting. Remedy: names are words")
    lines: Lines = {}
    if node is not None:
        _note_lines(node, (), lines)
    return raw, lines


def line_of(at: Place, lines: Lines) -> int | None:
    """The line of a value, or of the nearest that holds it."""
    return next((lines[at[:n]] for n in range(len(at), 0, -1) if at[:n] in lines), None)


def _parse(text: str) -> tuple[yaml.Node | None, Any]:
    try:
        return _parsed(text, _QUICK)
    except yaml.YAMLError:
        return _parsed(text, yaml.SafeLoader)  # slower, and says more of what is wrong


def _parsed(text: str, loading: type[Any]) -> tuple[yaml.Node | None, Any]:
    loader = loading(text)
    try:
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _note_lines(node: yaml.Node, at: Place, lines: Lines) -> None:
    if len(at) > 50:  # a list that contains itself
        return
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines[(*at, key.value)] = key.start_mark.line + 1
            _note_lines(value, (*at, key.value), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*at, index), lines)
