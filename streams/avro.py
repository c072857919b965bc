"""Records as Avro: schemas made from the record types, and values written after them.

Each field has a default where the record has one, so that added fields are compatible both ways.
Times are `timestamp-micros` in UTC; values of an enumeration are strings, for more may come.
Writing needs the extra `avro`.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any, Final

import msgspec
from msgspec import inspect

from streams.errors import ConfigError

NAMESPACE: Final = "veille"
_SIMPLE: Final[dict[type[inspect.Type], Any]] = {
    inspect.StrType: "string",
    inspect.LiteralType: "string",
    inspect.IntType: "long",
    inspect.FloatType: "double",
    inspect.BoolType: "boolean",
    inspect.BytesType: "bytes",
    inspect.NoneType: "null",
    inspect.DateTimeType: {"type": "long", "logicalType": "timestamp-micros"},
}

Write = Callable[[msgspec.Struct], bytes]
"""A record as the bytes of a message, with its head."""


def avro_schema(record: type[msgspec.Struct]) -> dict[str, Any]:
    """The Avro schema of a record. Raises `TypeError` for a field of a type that has none here."""
    made: dict[str, Any] = _schema(inspect.type_info(record), set())
    return made


def writer(record: type[msgspec.Struct], schema_id: int) -> Write:
    """Writes records of this type in the form of schema registries. Raises `ConfigError` where the
    library is not installed."""
    try:
        from fastavro import parse_schema, schemaless_writer  # noqa: PLC0415  # an extra
    except ImportError:
        raise ConfigError(
            "kafka.schema_registry_url needs the package fastavro. Remedy: pip install "
            "'veille[avro]'"
        ) from None
    schema, head = parse_schema(avro_schema(record)), b"\0" + schema_id.to_bytes(4, "big")

    def write(value: msgspec.Struct) -> bytes:
        out = BytesIO(head)
        out.seek(len(head))
        schemaless_writer(out, schema, datum(value))
        return out.getvalue()

    return write


def datum(value: Any) -> Any:
    """A record as Avro libraries take it: fields by name, in dictionaries and lists."""
    if isinstance(value, msgspec.Struct):
        return {name: datum(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list):
        return [datum(one) for one in value]
    return value


def _schema(kind: inspect.Type, named: set[str]) -> Any:
    """`named` are the records that the schema has defined so far: Avro defines each once."""
    match kind:
        case inspect.Metadata():
            return _schema(kind.type, named)
        case inspect.UnionType():
            parts = sorted(kind.types, key=lambda one: not isinstance(one, inspect.NoneType))
            return [_schema(one, named) for one in parts]
        case inspect.ListType():
            return {"type": "array", "items": _schema(kind.item_type, named)}
        case inspect.DictType():
            return {"type": "map", "values": _schema(kind.value_type, named)}
        case inspect.StructType():
            return _record(kind, named)
    if type(kind) not in _SIMPLE:
        raise TypeError(f"{type(kind).__name__} has no Avro type here")
    return _SIMPLE[type(kind)]


def _record(kind: inspect.StructType, named: set[str]) -> Any:
    name = kind.cls.__name__
    if name in named:
        return f"{NAMESPACE}.{name}"
    named.add(name)
    fields = [_field(field, named) for field in kind.fields]
    return {"type": "record", "name": name, "namespace": NAMESPACE, "fields": fields}


def _field(field: inspect.Field, named: set[str]) -> dict[str, Any]:
    made = {"name": field.name, "type": _schema(field.type, named)}
    if field.default_factory is not msgspec.NODEFAULT:
        return made | {"default": datum(field.default_factory())}
    if field.default is not msgspec.NODEFAULT:
        return made | {"default": datum(field.default)}
    return made
