"""Reading fields of JSON that may hold anything."""

from typing import Any, Final

_LARGEST: Final = 2**53


def count(value: object) -> int | None:
    """A count as sources write it (a number, or one as text); `None` for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 16:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        return None
    return value


def mapping(value: object) -> dict[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: object, limit: int = 100) -> list[dict[str, Any]]:
    """The objects in a list, at most `limit`; a lone object counts as a list of one."""
    if isinstance(value, dict):
        return [value]
    items = value if isinstance(value, list) else []
    return [item for item in items[:limit] if isinstance(item, dict)]
