"""Words of the overview: what its periods, orders and verdicts are called."""

from typing import Final

from streams.web.i18n import N_, Signs, Words
from streams.web.overview.usual import Verdict

PERIODS: Final = Words(
    {"1h": N_("1 hour"), "24h": N_("24 hours"), "7d": N_("7 days"), "30d": N_("30 days")}
)
SORTED: Final = Words(
    {
        "worth": N_("What deserves a look"),
        "volume": N_("Most mentions"),
        "negative": N_("Most negative"),
        "name": N_("Name"),
    }
)
EDITS: Final = Words(
    {
        "topic.add": N_("added"),
        "topic.edit": N_("edited"),
        "topic.remove": N_("removed"),
        "topic.rollback": N_("rolled back"),
    }
)
_VERDICTS: Final[dict[Verdict, tuple[str, str]]] = {
    "more": (N_("more than usual"), "↑"),
    "less": (N_("less than usual"), "↓"),
    "usual": (N_("as usual"), "="),
    "unknown": (N_("no past to hold it against yet"), "·"),
}
VERDICTS: Final = Signs(_VERDICTS)
"""Word and symbol of each: colour is only the third sign."""
