"""The table of sources and what each is held to, written from the suite itself.

python -m tests.contract.connectors.table [--write]
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from connectors.base import Spec
from connectors.receiving import Receiver
from connectors.registry import CONNECTORS
from tests.contract.connectors.fixtures import FIXTURES
from tests.contract.connectors.world import World

DOCS: Final = Path(__file__).parents[3] / "docs"
PAGE: Final = DOCS / "connectors-contract.md"
_HEAD: Final = """# The contract, source by source

Each source is held to each MUST of [connectors](connectors.md) by a test of its own, against a
stand-in that speaks its protocol: `pytest tests/contract/test_connectors.py -k NAME`. A ✓ is such a
test; `imap` and `kafka` have theirs in `tests/unit`. Where a MUST can't apply, a letter leads to
the reason below.
"""
_OFFLINE: Final = "it opens no connection"
_OFFLINE_HOLDS: Final = frozenset({1, 3, 13, 19})
_OFFLINE_OWN: Final = frozenset({2, 8, 14, 17, 20})
_NO_HTTP: Final = "it speaks neither HTTP nor WebSocket"
OTHERWISE: Final = {
    "imap": {
        4: _NO_HTTP,
        5: _NO_HTTP,
        18: "IMAP names no client",
        20: "a mailbox tells of no edits or deletions of what its messages are about",
    },
    "kafka": {
        4: _NO_HTTP,
        5: _NO_HTTP,
        6: _NO_HTTP,
        11: "brokers bound their records themselves",
        16: "its brokers are a setting of their own",
        18: "brokers are told a client's name, and no contact",
        20: "a topic's records do not change: a later one with the same id is the edit",
    },
}
"""Sources that HTTP's faults can't be played to, with what can't apply to them and why. They are
held to the rest by `tests/unit/test_imap.py` and `tests/unit/test_kafka_source.py`."""
_PUSHED: Final = "the source calls us: `tests/contract/test_receivers.py` holds it to R1 to R10"


def musts() -> dict[int, str]:
    """Number and first words of each MUST."""
    text = (DOCS / "connectors.md").read_text(encoding="utf-8")
    found = re.findall(r"^(\d+)\. \*\*(.+?)\*\*", text, re.MULTILINE | re.DOTALL)
    return {int(number): " ".join(words.split()).rstrip(".") for number, words in found}


def page() -> str:
    """The page as it should be."""
    named, reasons = musts(), dict[str, int]()
    marks = {name: _marks(kind.spec, named, reasons) for name, kind in CONNECTORS.items()}
    head = "| source | " + " | ".join(str(number) for number in named) + " | delivered |"
    rows = [head, "| --- |" + " --- |" * (len(named) + 1)]
    for name, row in marks.items():
        delivered = "✓" if issubclass(CONNECTORS[name], Receiver) else ""
        rows.append(f"| [{name}](connectors/{name}.md) | {' | '.join(row)} | {delivered} |")
    legend = [f"{number}. {words}" for number, words in named.items()]
    notes = [f"- **{_letter(number)}** {reason}" for reason, number in reasons.items()]
    return "\n".join([_HEAD, *rows, "", "## MUST", "", *legend, "", "## Reasons", "", *notes, ""])


def _marks(spec: Spec, named: dict[int, str], reasons: dict[str, int]) -> list[str]:
    def because(reason: str) -> str:
        return _letter(reasons.setdefault(reason, len(reasons)))

    if spec.name in FIXTURES:
        held = dict.fromkeys(named, "✓")
        held[20] = _changes(spec.name, because)
        return list(held.values())
    if (reasons_here := OTHERWISE.get(spec.name)) is not None:
        return [because(reasons_here[n]) if n in reasons_here else "✓" for n in named]
    if issubclass(CONNECTORS[spec.name], Receiver):
        return [because(_PUSHED)] * len(named)
    return [
        "✓" if number in _OFFLINE_HOLDS | _OFFLINE_OWN else because(_OFFLINE) for number in named
    ]


def _changes(name: str, because: Callable[[str], str]) -> str:
    fixture = FIXTURES[name]
    told = []
    for change, said in (("edits", "edited"), ("deletions", "deleted")):
        world = World([fixture.item(number) for number in range(6)])
        tell = fixture.edit(world, 1, "x") if change == "edits" else fixture.delete(world, 1)
        told.append("✓" if tell == said else because(f"{change}: {tell}"))
    return "✓" if set(told) == {"✓"} else " ".join(told)


def _letter(number: int) -> str:
    first, second = divmod(number, 26)
    return (chr(ord("a") + first - 1) if first else "") + chr(ord("a") + second)


def main() -> int:
    """Write it, or say whether it is current."""
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8", newline="\n")
    current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page()
    if not current:
        sys.stderr.write(
            f"{PAGE}: out of date. Remedy: python -m tests.contract.connectors.table --write\n"
        )
    return int(not current)


if __name__ == "__main__":
    sys.exit(main())
