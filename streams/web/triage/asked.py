"""What a triage URL asks for: a tab, its order, and all filters of the mentions."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, get_args

import msgspec

from streams.store.port import NOBODY, Filter, Order
from streams.web.filters import BadFilter, Pair, Parameter, Problem, Query, link, one_of, read
from streams.web.i18n import N_, _

PATH: Final = "/triage"
Tab = Literal["queue", "mine", "unassigned", "all", "done", "sample", "opinion"]
DEFAULT_PRESET: Final = "7d"
"""The period where the URL names none and the tab is not one person's own."""


class TabOf(NamedTuple):
    """A tab: its word, its order, and what it asks for beside the filters of the URL."""

    word: str
    order: Order
    asks: dict[str, Any]
    timed: bool = True


TABS: Final[dict[Tab, TabOf]] = {
    "queue": TabOf(N_("Queue"), "worth", {"work": "open"}),
    "mine": TabOf(N_("Mine"), "worth", {"work": "open"}, timed=False),
    "unassigned": TabOf(N_("Unassigned"), "worth", {"work": "open", "assigned": NOBODY}),
    "all": TabOf(N_("All"), "newest", {}),
    "done": TabOf(N_("Done"), "newest", {"work": "done", "hidden": "any"}),
    "sample": TabOf(N_("Sample"), "sample", {"hidden": "any"}, timed=False),
    "opinion": TabOf(N_("Second opinion"), "sample", {"hidden": "any"}, timed=False),
}
ORDERS: Final[dict[Order, str]] = {
    "worth": N_("Worth a look"),
    "newest": N_("Newest"),
    "oldest": N_("Oldest"),
}
PARAMETERS: Final = (
    Parameter("tab", "Tab", f"One of {', '.join(get_args(Tab))} (queue if absent)."),
    Parameter("order", "Order", "worth, newest or oldest; by the tab if absent."),
)
_OWN: Final = frozenset({"tab", "order", "told", "n", "by", "focus"})


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One address of the page."""

    tab: Tab = "queue"
    order: Order = "worth"
    query: Query = Query()

    @property
    def topic(self) -> str:
        """The one topic that is asked for; empty for none or several."""
        topics = self.query.where.topics
        return topics[0] if len(topics) == 1 else ""

    @property
    def own(self) -> list[Pair]:
        """What the address says beside the filters."""
        pairs: list[Pair] = [] if self.tab == "queue" else [("tab", self.tab)]
        return pairs if self.order == TABS[self.tab].order else [*pairs, ("order", self.order)]

    def where(self, now: datetime, me: str, preset: str = DEFAULT_PRESET) -> Filter:
        """The filter for this person at this moment."""
        tab = TABS[self.tab]
        where = self.query.at(now, preset if tab.timed else "")
        given = {name for name in tab.asks if getattr(where, name) != getattr(Filter(), name)}
        asks = {name: value for name, value in tab.asks.items() if name not in given}
        if self.tab == "mine":
            asks["assigned"] = me
        return msgspec.structs.replace(where, **asks)

    def link(self, *more: Pair, without: Iterable[str | Pair] = ()) -> str:
        """An address like this one, with filters added and taken away."""
        query = self.query
        gone = {key for key, _ in more if key not in ("topic", "sentiment", "lang", "source")}
        if gone & {"range", "since", "until"}:
            gone |= {"range", "since", "until"}
        away = set(without)
        kept = [
            pair
            for pair in query.pairs
            if pair[0] not in gone and pair not in more and pair not in away and pair[0] not in away
        ]
        return link([*self.own, *kept, *more], PATH)

    def to(self, tab: Tab) -> str:
        """The same filters in another tab."""
        pairs = self.query.pairs
        return link([*([] if tab == "queue" else [("tab", tab)]), *pairs], PATH)


def read_asked(given: Iterable[Pair]) -> Asked:
    """Read a query string's pairs. Raises `BadFilter`."""
    pairs = list(given)
    own = {name: value for name, value in pairs if name in _OWN}
    tab = own.get("tab") or "queue"
    if tab not in TABS:
        raise BadFilter([Problem("tab", tab[:80], _("no such tab"), one_of(TABS))], ())
    chosen: Tab = next(name for name in TABS if name == tab)
    order = own.get("order") or TABS[chosen].order
    if order != TABS[chosen].order and order not in ORDERS:
        raise BadFilter([Problem("order", order[:80], _("no such order"), one_of(ORDERS))], ())
    ordered = next((name for name in get_args(Order) if name == order), TABS[chosen].order)
    if TABS[chosen].order == "sample":
        ordered = "sample"
    return Asked(tab=chosen, order=ordered, query=read(pairs, also=_OWN))
