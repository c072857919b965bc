"""The filters as they stand in a URL: read, explained when wrong, written back into links.

One table, `PARAMETERS`, drives what is read, what OpenAPI documents and what errors say.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final, NamedTuple, get_args
from urllib.parse import urlencode

import msgspec

from connectors.post import Kind
from streams.records import LABELS, SentimentLabel
from streams.store.port import NOBODY, Filter
from streams.web.i18n import N_, _

PRESETS: Final[dict[str, timedelta | None]] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "all": None,
}
AHEAD: Final = timedelta(minutes=10)
"""How far ahead of our clock a post may be dated and still count as new."""

PATH: Final = "/mentions"
"""The page that these filters are of."""
KINDS: Final[tuple[str, ...]] = get_args(Kind)
MAX_VALUE: Final = 300
MAX_VALUES: Final = 50

Pair = tuple[str, str]


class Parameter(NamedTuple):
    """One filter of the URL: its name, the person's word for it, what it does."""

    name: str
    label: str
    help: str
    many: bool = False


PARAMETERS: Final = (
    Parameter("topic", N_("Topic"), "Id of a topic.", many=True),
    Parameter("sentiment", N_("Sentiment"), "One of pos, neg, neu, unscored.", many=True),
    Parameter("lang", N_("Language"), "ISO 639-1 code of the language, such as fr.", many=True),
    Parameter("source", N_("Source"), "Id of a source.", many=True),
    Parameter("country", N_("Country"), "ISO 3166-1 alpha-2 code, such as FR.", many=True),
    Parameter("author", N_("Author"), "Handle or id of an author."),
    Parameter("hashtag", N_("Hashtag"), "A hashtag, with or without #."),
    Parameter("q", N_("Text"), 'Words and "phrases", all of which must occur; word* is a prefix.'),
    Parameter("range", N_("Period"), "Back from now: 1h, 24h, 7d, 30d or all."),
    Parameter(
        "since", N_("From"), "Written at or after: a date or an RFC 3339 time (UTC if bare)."
    ),
    Parameter("until", N_("Until"), "Written before: a date or an RFC 3339 time (UTC if bare)."),
    Parameter("kind", N_("Kind"), f"One of {', '.join(KINDS)}.", many=True),
    Parameter("followers", N_("Followers"), "At least so many followers of the author."),
    Parameter("tag", N_("Tag"), "A tag that staff gave."),
    Parameter("assigned", N_("Assigned"), f"Name of who is to look at it; {NOBODY} for nobody."),
    Parameter("work", N_("Work"), "open: nobody has decided yet; done: somebody has."),
    Parameter(
        "judged", N_("Judged"), "yes: staff said whether it is relevant, or its sentiment; no."
    ),
    Parameter("hidden", N_("Hidden"), "no, only or any: irrelevant, spam, or of a hidden author."),
    Parameter("story", N_("Story"), "Id of a group of near-duplicates."),
    Parameter("thread", N_("Thread"), "Id of a post: that one, and what answers or repeats it."),
    Parameter("url", N_("Address"), "Of the post; scheme, www. and fragment do not count."),
    Parameter("cursor", N_("Page"), "Where the next page starts, as the page before told."),
)
BY_NAME: Final = {parameter.name: parameter for parameter in PARAMETERS}


class Problem(NamedTuple):
    """What is wrong with one parameter, and what to do."""

    parameter: str
    value: str
    problem: str
    remedy: str


class BadFilter(Exception):
    """The URL asks for what can't be: every problem, and the filters that were fine."""

    def __init__(self, problems: list[Problem], kept: tuple[Pair, ...]) -> None:
        super().__init__("; ".join(f"{p.parameter}: {p.problem}" for p in problems))
        self.problems = problems
        self.kept = kept


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A URL's filters. `pairs` are all of them but the cursor, in the table's order; `where` has
    the times only where they were given as such: `at` adds those of a preset."""

    pairs: tuple[Pair, ...] = ()
    where: Filter = Filter()
    preset: str = ""
    cursor: str = ""
    as_of: datetime | None = None

    def at(self, now: datetime, preset: str = "") -> Filter:
        """The filter as of `now`; `preset` where the URL names no period at all. A later page
        keeps the moment of the first one: a period that moved would be another question."""
        chosen = self.preset or ("" if self.timed else preset)
        span = PRESETS.get(chosen)
        if span is None:
            return self.where
        moment = self.as_of or now
        return msgspec.structs.replace(self.where, since=moment - span, until=moment + AHEAD)

    @property
    def local(self) -> bool:
        """Whether it has a time that names no zone: it is another time elsewhere."""
        return any(_bare(value) for key, value in self.pairs if key in ("since", "until"))

    @property
    def timed(self) -> bool:
        return bool(self.preset or self.where.since or self.where.until)

    def values(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self.pairs if key == name)

    def with_pairs(self, *more: Pair) -> str:
        """A link that adds filters: single-valued ones replace, a period replaces a period."""
        gone = {key for key, _ in more if not BY_NAME[key].many}
        if gone & {"range", "since", "until"}:
            gone |= {"range", "since", "until"}
        kept = [p for p in self.pairs if p[0] not in gone and p not in more]
        return link([*kept, *more])

    def without(self, *names_or_pairs: str | Pair) -> str:
        """A link that takes filters away, by name or one value of a name."""
        return link(
            [p for p in self.pairs if p not in names_or_pairs and p[0] not in names_or_pairs]
        )

    def next_cursor(self, cursor: str, now: datetime) -> str:
        """A store's cursor with the moment it counts from; empty at the end."""
        moment = self.as_of or now
        return f"{round(moment.timestamp() * 1_000_000)}~{cursor}" if cursor else ""


def link(pairs: Iterable[Pair], path: str = PATH) -> str:
    """A URL of this site: the query string is empty where there are no filters."""
    query = urlencode(_ordered(pairs))
    return f"{path}?{query}" if query else path


def _ordered(pairs: Iterable[Pair]) -> list[Pair]:
    order = {name: index for index, name in enumerate(BY_NAME)}
    return sorted(dict.fromkeys(pairs), key=lambda pair: order.get(pair[0], len(order)))


def read(given: Iterable[Pair], *, also: Iterable[str] = (), zone: tzinfo = UTC) -> Query:
    """Read a query string's pairs; empty values are as good as absent. `also` names parameters
    that are another's business; `zone` is that of times which name none. Raises `BadFilter` with
    every problem at once."""
    known = frozenset(also)
    pairs = [(k, v.strip()) for k, v in given if k not in known and v.strip()]
    reader = _Reader(pairs, zone)
    query = reader.query()
    if reader.problems:
        bad = {problem.parameter for problem in reader.problems}
        raise BadFilter(reader.problems, tuple(_ordered(p for p in pairs if p[0] not in bad)))
    return query


class _Reader:
    """Reads one set of pairs, noting problems as it goes."""

    def __init__(self, pairs: list[Pair], zone: tzinfo) -> None:
        self._zone = zone
        self.problems: list[Problem] = []
        self.values: dict[str, list[str]] = {}
        for name, value in dict.fromkeys(pairs):
            if self._acceptable(name, value):
                self.values.setdefault(name, []).append(value)

    def query(self) -> Query:
        where = Filter(
            topics=self._many("topic"),
            sentiments=self._sentiments(),
            langs=self._coded(
                "lang", r"[a-z]{2,3}(-[A-Za-z0-9]+)*", _("Write a code such as en, fr or ru.")
            ),
            sources=self._many("source"),
            countries=self._coded("country", r"[A-Z]{2}", _("Write two letters such as FR or RU.")),
            author=self._one("author").removeprefix("@"),
            hashtag=self._one("hashtag").removeprefix("#"),
            text=self._one("q"),
            since=self._moment("since"),
            until=self._moment("until"),
        )
        where = self._more(where)
        preset = self._preset()
        self._check_order(where)
        as_of, cursor = self._cursor()
        pairs = [(k, v) for k, values in self.values.items() for v in values if k != "cursor"]
        return Query(
            pairs=tuple(_ordered(pairs)), where=where, preset=preset, cursor=cursor, as_of=as_of
        )

    def _more(self, where: Filter) -> Filter:
        return msgspec.structs.replace(
            where,
            kinds=self._chosen("kind", KINDS),
            least_followers=self._whole("followers"),
            tag=self._one("tag").removeprefix("#"),
            assigned=self._one("assigned"),
            work=self._one_of("work", ("open", "done")),
            judged={"yes": True, "no": False}.get(self._one_of("judged", ("yes", "no"))),
            hidden=self._one_of("hidden", ("no", "only", "any")) or "no",
            story=self._one("story"),
            thread=self._one("thread"),
            url=self._one("url"),
        )

    def _chosen(self, name: str, known: Sequence[str]) -> tuple[str, ...]:
        values = self._many(name)
        for value in values:
            self._known(name, value, known)
        return values

    def _one_of(self, name: str, known: Sequence[str]) -> Any:
        value = self._one(name)
        return value if value and self._known(name, value, known) else ""

    def _known(self, name: str, value: str, known: Sequence[str]) -> bool:
        return value in known or self._note(name, value, _("not one of its values"), one_of(known))

    def _whole(self, name: str) -> int:
        value = self._one(name)
        if value and not re.fullmatch(r"[0-9]{1,12}", value):
            self._note(name, value, _("not a number"), _("Write digits alone, such as 10000."))
            return 0
        return int(value or 0)

    def _cursor(self) -> tuple[datetime | None, str]:
        value = self._one("cursor")
        micros, mark, cursor = value.partition("~")
        if not value:
            return None, ""
        if not mark or not cursor or not re.fullmatch(r"[0-9]{1,17}", micros):
            self._note("cursor", value, _("not one of ours"), _("Start from the first page."))
            return None, ""
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(micros)), cursor

    def _acceptable(self, name: str, value: str) -> bool:
        if name not in BY_NAME:
            near = difflib.get_close_matches(name, BY_NAME, n=1)
            remedy = (
                _("Did you mean “%(name)s”?", name=near[0])
                if near
                else _("Known: %(names)s.", names=", ".join(BY_NAME))
            )
            return self._note(name, value, _("no such filter"), remedy)
        longest = {"cursor": 4_000, "url": 2_000}.get(name, MAX_VALUE)
        if len(value) > longest:
            return self._note(
                name, value, _("longer than %(n)s characters", n=longest), _("Shorten it.")
            )
        if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in value):
            return self._note(name, value, _("has control characters"), _("Type it again by hand."))
        return True

    def _note(self, name: str, value: str, problem: str, remedy: str) -> bool:
        self.problems.append(Problem(name[:40], value[:80], problem, remedy))
        return False

    def _many(self, name: str) -> tuple[str, ...]:
        values = self.values.get(name, [])
        if len(values) > MAX_VALUES:
            self._note(
                name,
                values[0],
                _("given %(n)s times", n=len(values)),
                _("At most %(n)s.", n=MAX_VALUES),
            )
        return tuple(values)

    def _one(self, name: str) -> str:
        values = self.values.get(name, [""])
        if len(values) > 1:
            self._note(name, values[1], _("given %(n)s times", n=len(values)), _("Give it once."))
        return values[0]

    def _coded(self, name: str, pattern: str, remedy: str) -> tuple[str, ...]:
        values = self._many(name)
        for value in values:
            if not re.fullmatch(pattern, value):
                self._note(name, value, _("no such code"), remedy)
        return values

    def _sentiments(self) -> tuple[SentimentLabel, ...]:
        found: list[SentimentLabel] = []
        for value in self._many("sentiment"):
            if value in get_args(SentimentLabel):
                found.append(LABELS[LABELS.index(value)])
            else:
                self._note("sentiment", value, _("no such sentiment"), one_of(LABELS))
        return tuple(found)

    def _preset(self) -> str:
        value = self._one("range")
        if value and value not in PRESETS:
            self._note("range", value, _("no such period"), one_of(PRESETS))
        if value and ("since" in self.values or "until" in self.values):
            self._note("range", value, _("given beside since or until"), _("Keep one of the two."))
        return value

    def _moment(self, name: str) -> datetime | None:
        value = self._one(name)
        if not value:
            return None
        try:
            return moment(value, self._zone)
        except (ValueError, OverflowError):
            remedy = _("Write 2026-03-31 or 2026-03-31T14:00Z.")
            self._note(name, value, _("not a time"), remedy)
            return None

    def _check_order(self, where: Filter) -> None:
        if where.since and where.until and where.since >= where.until:
            value = self._one("until")
            self._note("until", value, _("not after since"), _("Swap the two, or drop one."))


def _bare(value: str) -> bool:
    """Whether a time that could be read names no zone."""
    return moment(value, UTC) != moment(value, timezone(timedelta(hours=1)))


def one_of(values: Iterable[str]) -> str:
    """The remedy for a value that is none of a few."""
    return _("One of %(values)s.", values=", ".join(values))


def moment(value: str, zone: tzinfo = UTC) -> datetime:
    """Read a date or a time, by the clock of `zone` where it names no zone itself. A time that the
    clock skips counts from before the change. Raises `ValueError`, `OverflowError`."""
    # A "+" of a hand-written zone reaches us as a space.
    whole = re.sub(r" (\d\d:?\d\d)$", r"+\1", value) if "T" in value else value
    found = datetime.fromisoformat(whole)
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
