"""What files of topics are refused for: the place, what is wrong there, and the remedy."""

import re
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

from streams.criteria.topics import Subquery
from streams.errors import ConfigError

_NAME: Final = re.compile(r"\w[\w-]*")
_CUT_OFF: Final = re.compile(r"\s+#")
_TAG_LINE: Final = re.compile(r"\s*#\w")


def fail(path: Path, line: int, problem: str, remedy: str) -> NoReturn:
    """Raise the error; line 0 is the whole file."""
    where = f"{path}:{line}" if line else f"{path}"
    raise ConfigError(f"{where}: {problem}\n  remedy: {remedy}")


def subquery(path: Path, line: int, name: str, value: Any) -> Subquery:
    """A named part of queries. Raises `ConfigError` if it is no text, or has no usable name."""
    if not _NAME.fullmatch(str(name)):
        remedy = "name it with letters, digits, _ and -: @name stands for it"
        fail(path, line, f"the sub-query {name!r} has a name that can't be written", remedy)
    if not isinstance(value, str) or not value.strip():
        fail(path, line, f"the sub-query {name} is no text", f"write {name}: 'acme OR acmes'")
    return Subquery(value, line)


def refuse_comment(path: Path, lines: list[str], node: yaml.Node) -> None:
    """Raise `ConfigError` if YAML takes the rest of an unquoted query for a comment."""
    if not isinstance(node, yaml.ScalarNode) or node.style:
        return
    at, column = node.end_mark.line, node.end_mark.column
    same, after = [*lines[at : at + 2], "", ""][:2]
    if _CUT_OFF.match(same, column) or _TAG_LINE.match(after):
        problem = "YAML takes # after a space for a comment: what follows is not in the query"
        line = at + 1 if _CUT_OFF.match(same, column) else at + 2
        fail(path, line, problem, "quote the query, or write it in lines under query: >-")
