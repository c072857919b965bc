"""Compose files put one over the other, as `docker compose -f A -f B` does.

Mappings are merged key by key; lists of networks, ports and tmpfs are joined; volumes are replaced
by where they are mounted; commands, entry points and tests of health are replaced; `!reset` takes a
key away.
"""

from typing import Any

import yaml

from tests.docs.tree import ROOT

_RESET = object()
_REPLACED = {"command", "entrypoint", "test", "cap_drop", "security_opt"}


class _Loader(yaml.SafeLoader):
    """With Compose's own tags."""


_Loader.add_constructor("!reset", lambda *_: _RESET)


def read(name: str) -> dict[str, Any]:
    """One file as it stands."""
    found: dict[str, Any] = yaml.load((ROOT / name).read_text("utf-8"), _Loader)  # noqa: S506  # it is a SafeLoader
    return found


def merged(*names: str) -> dict[str, Any]:
    """Files, each over the one before."""
    found: dict[str, Any] = {}
    for name in names:
        found = _over(found, read(name))
    return found


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for key, value in above.items():
        if value is _RESET:
            found.pop(key, None)
        elif isinstance(value, dict) and isinstance(found.get(key), dict):
            found[key] = _over(found[key], value)
        elif isinstance(value, list) and isinstance(found.get(key), list) and key not in _REPLACED:
            found[key] = _joined(key, found[key], value)
        else:
            found[key] = value
    return found


def _joined(key: str, below: list[str], above: list[str]) -> list[str]:
    if key == "volumes":
        mounts = {volume.split(":")[1]: volume for volume in [*below, *above]}
        return list(mounts.values())
    return [*below, *(one for one in above if one not in below)]
