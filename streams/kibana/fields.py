"""What the fields of each view hold, by the mappings of `config/elasticsearch/`."""

import functools
import json
from pathlib import Path
from typing import Any, Final, Literal

from streams.errors import ConfigError
from streams.kibana.definitions import ViewName
from streams.settings import shipped_config

DataType = Literal["string", "number", "date", "boolean", "geo_point", "ip", "other"]
_TYPES: Final[dict[str, DataType]] = {
    "keyword": "string", "text": "string", "flattened": "string",
    "long": "number", "integer": "number", "short": "number", "byte": "number",
    "double": "number", "float": "number", "half_float": "number",
    "date": "date", "boolean": "boolean", "geo_point": "geo_point", "ip": "ip",
}  # fmt: skip
RECORDS: Final = "___records___"
"""Lens's name of the documents themselves."""


class Field:
    """A field: its type in the mapping, and whether its values can be told apart and sorted."""

    def __init__(self, mapped: dict[str, Any]) -> None:
        self.mapped: str = mapped.get("type", "object")
        self.kind: DataType = _TYPES.get(self.mapped, "other")
        self.aggregatable = self.mapped != "text" and mapped.get("doc_values", True)


@functools.cache
def fields_of(view: ViewName) -> dict[str, Field]:
    """Every field of a view by its dotted name, aliases included. Raises `ConfigError`."""
    path = shipped_config() / "elasticsearch" / f"{view}.json"
    try:
        properties = json.loads(path.read_bytes())["mappings"]["properties"]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{path}: no mapping ({error!r}). Remedy: restore the file") from None
    mapped = dict(_flat(properties, ""))
    return {name: Field(_aimed(path, name, mapped)) for name in mapped}


def field_of(view: ViewName, name: str) -> Field:
    """A field of a view. Raises `ConfigError` where there is none."""
    found = fields_of(view).get(name)
    if found is None:
        raise ConfigError(
            f"field {name!r} is not in config/elasticsearch/{view}.json. "
            "Remedy: correct the definition, or map the field"
        )
    return found


def _flat(properties: dict[str, Any], before: str) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    for name, mapped in properties.items():
        found.append((before + name, mapped))
        for inner in ("properties", "fields"):
            found += _flat(mapped.get(inner, {}), f"{before}{name}.")
    return found


def _aimed(path: Path, name: str, mapped: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found = mapped[name]
    if found.get("type") != "alias":
        return found
    if found["path"] not in mapped:
        raise ConfigError(f"{path}: alias {name} leads to {found['path']}, which is not there")
    return mapped[found["path"]]
