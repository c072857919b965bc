"""A mention's label by a plain form: what the form says becomes one change."""

from collections.abc import Sequence
from typing import Any, Final

from streams.label_changes import Change
from streams.records import LABELS

SAID: Final = ("neg", "neu", "pos", "")
"""Sentiments that a person may say; empty: what was computed counts."""


def change_of(mention_id: str, given: Sequence[tuple[str, str]]) -> Change:
    """What the fields say. Fields that are missing leave what they are about as it is."""
    fields = dict(given)
    found: dict[str, Any] = {}
    if fields.get("sentiment") in LABELS:
        found["sentiment"] = fields["sentiment"]
    elif fields.get("sentiment") == "":
        found["sentiment"] = None
    if "relevant" in fields:
        found["relevant"] = {"yes": True, "no": False}.get(fields["relevant"])
    if "note" in fields:
        found["note"] = fields["note"][:2_000]
    if "tags" in fields:
        found["tags"] = [tag[:60] for tag in fields["tags"].replace(",", " ").split()][:20]
    if "state" in fields:
        found["done"] = "done" in fields
        found["spam"] = "spam" in fields
    seen = fields.get("seen", "0")
    return Change(
        mention_id=mention_id,
        seen=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 20 else 0,
        clear=fields.get("act") == "clear",
        **({} if fields.get("act") == "clear" else found),
    )
