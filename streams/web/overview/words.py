"""Words of the overview: what its periods, orders and verdicts are called."""

from collections.abc import Mapping
from typing import Final

from streams.web.i18n import N_
from streams.web.overview.usual import Verdict

PERIODS: Final[Mapping[str, str]] = {
    "1h": N_("1 hour"),
    "24h": N_("24 hours"),
    "7d": N_("7 days"),
    "30d": N_("30 days"),
}
SORTED: Final[Mapping[str, str]] = {
    "worth": N_("What deserves a look"),
    "volume": N_("Most mentions"),
    "negative": N_("Most negative"),
    "name": N_("Name"),
}
VERDICTS: Final[Mapping[Verdict, tuple[str, str]]] = {
    "more": (N_("more than usual"), "↑"),
    "less": (N_("less than usual"), "↓"),
    "usual": (N_("as usual"), "="),
    "unknown": (N_("no past to hold it against yet"), "·"),
}
"""Word and symbol of each: colour is only the third sign."""
