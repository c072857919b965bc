"""What is to be changed on an Elasticsearch server, as it is shown before it is done."""

from typing import Any

import msgspec


class Change(msgspec.Struct, frozen=True):
    """One request, and why. Without a `method` it is beyond us: `reason` names the remedy."""

    what: str
    name: str
    reason: str
    method: str = ""
    path: str = ""
    body: Any = None


class Plan(msgspec.Struct, frozen=True):
    """The changes in the order in which they are to be made, and words on what is not there."""

    changes: list[Change]
    words: list[str]
