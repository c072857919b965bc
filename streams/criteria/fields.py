"""The fields of a query, `name:value`, but those that hold text."""

import re
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from math import inf, nextafter
from typing import Final, NamedTuple, get_args

from streams.criteria import links
from streams.criteria.complaint import query_error
from streams.criteria.facts import EQUALS, FLAGS, KINDS, MEASURES, normalised
from streams.criteria.folding import fold
from streams.criteria.lexer import Lexeme, unescape
from streams.criteria.syntax import (
    EqualField,
    Equals,
    Flag,
    Leaf,
    MeasureField,
    Mention,
    Node,
    Or,
    Placed,
    Range,
    Site,
    TextField,
    Within,
)
from streams.errors import QueryError

TEXT_FIELDS: Final[tuple[TextField, ...]] = get_args(TextField)
MEASURE_FIELDS: Final[tuple[MeasureField, ...]] = get_args(MeasureField)
EQUAL_FIELDS: Final[tuple[EqualField, ...]] = get_args(EqualField)
ALL_FIELDS: Final = (
    *TEXT_FIELDS,
    *EQUAL_FIELDS,
    *MEASURE_FIELDS,
    *("hashtag", "mention", "site", "stem", "has", "is"),
)

_COMPARED: Final = re.compile(r"(<=|>=|<|>|=)?(.+)", re.DOTALL)
_BETWEEN: Final = re.compile(r"([\[{])\s*(\S+)\s+TO\s+(\S+?)\s*([\]}])")
_DOTS: Final = re.compile(r"(.*?)\.\.(.*)")
_NUMBER: Final = re.compile(r"[+-]?\d[\d_]*(?:\.\d+)?([kKmM]?)")
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(?:[.,]\d{3})+")
_MANY: Final = {"": 1, "k": 1_000, "m": 1_000_000}
_MONTH: Final = re.compile(r"(\d{4})(?:-(\d\d))?")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_]\w+)?")


class Value(NamedTuple):
    """What stands after a field's colon: the field, and the lexeme with the value."""

    query: str
    field: str
    lexeme: Lexeme


def field_name(query: str, lexeme: Lexeme) -> str:
    """The field that a lexeme names. Raises `QueryError`, with the nearest name, for none."""
    name = lexeme.raw[:-1].lower()
    if name in ALL_FIELDS:
        return name
    near = get_close_matches(name, ALL_FIELDS, n=1)
    text = f'"{lexeme.raw}…" in quotes to search for that text'
    raise query_error(
        query,
        lexeme.start,
        f"{lexeme.raw} names a field that does not exist",
        expected=f"one of {', '.join(ALL_FIELDS)}",
        remedy=f"write {near[0]}: instead, or {text}" if near else f"write {text}",
    )


def fact(value: Value) -> Leaf:
    """The leaf of a field that is not text. Raises `QueryError`."""
    if value.lexeme.kind not in {"word", "phrase"}:
        raise _refused(value, f"{value.field}: needs a value", _example(value.field))
    written = unescape(value.lexeme.raw)
    if value.field in MEASURE_FIELDS:
        return _range(value, value.field, value.lexeme.raw)
    if value.field in {"has", "is"}:
        return _flag(value, written)
    if value.field == "site":
        return _site(value, written)
    if value.field == "mention":
        return mention(value.query, value.lexeme, written)
    return _equals(value, written)


def scoped(node: Node, field: TextField) -> Node:
    """The leaf, or the two that elision makes of one, in this field alone."""
    if isinstance(node, Or):
        return Or(tuple(scoped(child, field) for child in node.children))
    return Within(field, node) if isinstance(node, get_args(Placed)) else node


def mention(query: str, lexeme: Lexeme, written: str) -> Mention:
    """The leaf of a handle, written with its sign or without. Raises `QueryError`."""
    handle = written.lstrip("@＠")
    found = next(links.mentions(f"@{handle}"), None)
    if found and found[0] == handle:
        return Mention(fold(handle))
    raise query_error(
        query,
        lexeme.start,
        f"{written} is not a handle",
        expected="letters, digits, _ and points straight after the @",
        remedy='write the handle up to its end, or the text as a "phrase"',
    )


def _refused(value: Value, problem: str, remedy: str) -> QueryError:
    return query_error(
        value.query,
        value.lexeme.start,
        problem,
        expected=_expected(value.field),
        remedy=f"write {remedy}",
    )


def _expected(field: str) -> str:
    if field == "created":
        return "a day (2026-01-31), month, year or time, with <, <=, >, >= or ..: [a TO b]"
    if field in MEASURE_FIELDS:
        return "a number, with <, <=, >, >= before it, or a range: 1..3, [1 TO 3]"
    if field in {"has", "is"}:
        return f"one of {', '.join(flag for flag in FLAGS if flag.startswith(field))}"
    known = {
        "kind": f"one of {', '.join(KINDS)}",
        "lang": "a language of two letters",
        "country": "a country of two letters, as in ISO 3166",
        "site": "the name of a host: example.com, or a part of the web below it",
        "source": "the name of a source, as veille sources lists them",
    }
    return known.get(field, f"what {field}: is to be")


def _example(field: str) -> str:
    examples = {"created": "created:>=2026-01-31", "lang": "lang:fr", "kind": "kind:review"}
    examples |= {"country": "country:fr", "site": "site:example.com", "has": "has:media"}
    examples |= {"is": "is:reply", "source": "source:rss", "mention": "mention:acme"}
    return examples.get(field, f"{field}:>=10")


def _flag(value: Value, written: str) -> Flag:
    name = f"{value.field}:{written.lower()}"
    if name in FLAGS:
        return Flag(name)
    near = get_close_matches(name, FLAGS, n=1)
    raise _refused(value, f"{name} is not known", near[0] if near else _example(value.field))


def _site(value: Value, written: str) -> Site:
    host = links.host_of(written) if "/" in written else links.ascii_host(written)
    if links.is_host(host):
        return Site(host)
    raise _refused(value, f"{written} is not a site", _example("site"))


def _equals(value: Value, written: str) -> Equals:
    field = next(name for name in EQUALS if name == value.field)
    meant = normalised(field, written)
    patterns = {"country": _COUNTRY, "lang": _LANGUAGE}
    wrong = field in patterns and not patterns[field].fullmatch(written)
    if wrong or (field == "kind" and meant not in KINDS) or not meant:
        near = get_close_matches(meant, KINDS, n=1) if field == "kind" else []
        remedy = f"kind:{near[0]}" if near else _example(field)
        raise _refused(value, f"{written} is no {_NOUNS[field]}", remedy)
    return Equals(field, meant)


_NOUNS: Final = {
    "lang": "language of two letters",
    "source": "source",
    "kind": "kind of post",
    "country": "country of two letters",
}


def _range(value: Value, name: str, raw: str) -> Range:
    field = next(known for known in MEASURES if known == name)
    if between := _BETWEEN.fullmatch(raw):
        opening, first, last, closing = between.groups()
        low = _end(value, first, first=opening == "[") if first != "*" else -inf
        high = _end(value, last, first=closing == "}") if last != "*" else inf
        return _ordered(
            value,
            Range(
                field,
                nextafter(low, inf) if opening == "{" else low,
                nextafter(high, -inf) if closing == "}" else high,
            ),
        )
    if dots := _DOTS.fullmatch(raw):
        low = _end(value, dots[1], first=True) if dots[1] else -inf
        high = _end(value, dots[2], first=False) if dots[2] else inf
        return _ordered(value, Range(field, low, high))
    return _ordered(value, _compared(value, field, raw))


def _compared(value: Value, field: MeasureField, raw: str) -> Range:
    compared = _COMPARED.fullmatch(raw)
    sign, written = (compared[1] or "=", compared[2]) if compared else ("=", raw)
    first, last = _end(value, written, first=True), _end(value, written, first=False)
    match sign:
        case "<":
            return Range(field, -inf, nextafter(first, -inf))
        case "<=":
            return Range(field, -inf, last)
        case ">":
            return Range(field, nextafter(last, inf), inf)
        case ">=":
            return Range(field, first, inf)
        case _:
            return Range(field, first, last)


def _ordered(value: Value, found: Range) -> Range:
    if found.low <= found.high:
        return found
    raise _refused(value, "this range is empty", "the smaller bound first")


def _end(value: Value, written: str, *, first: bool) -> float:
    """A bound; a day, a month or a year has a first moment and a last one."""
    if value.field != "created":
        number = _NUMBER.fullmatch(written)
        if number is None and value.field != "rating" and _GROUPED.fullmatch(written):
            raise _grouped(value, written)
        if number is None:
            problem = f"{value.field}: is a number, and {written[:40]} is none"
            if written.strip("<>=") == "":
                problem = f"the number that {value.field}: is compared with is missing"
            raise _refused(value, problem, f"{value.field}:>=3")
        digits = written.rstrip("kKmM").replace("_", "")
        if value.field != "rating" and _GROUPED.fullmatch(written):
            raise _grouped(value, written)
        return float(digits) * _MANY[number[1].lower()]
    try:
        begin, end = _moments(written)
    except (ValueError, OverflowError):
        problem = f"{written[:40]} is not a time"
        raise _refused(value, problem, "it as 2026-01-31 or 2026-01-31T12:00Z") from None
    return begin.timestamp() if first else end.timestamp()


def _grouped(value: Value, written: str) -> QueryError:
    """`10.000` is ten thousand to half of Europe, and ten to the other."""
    many = int(re.sub(r"[.,]", "", written))
    short = f" or {many // 1000}k" if many % 1000 == 0 else ""
    problem = f"{written[:40]} may mean {many} or {written.replace(',', '.').partition('.')[0]}"
    return _refused(value, problem, f"{many}{short}, without a sign between the digits")


def _moments(written: str) -> tuple[datetime, datetime]:
    """The first and the last moment of a year, month, day or moment, in UTC if no zone is told."""
    tick = timedelta(microseconds=1)
    if month := _MONTH.fullmatch(written):
        year, number = int(month[1]), int(month[2] or 1)
        begin = datetime(year, number, 1, tzinfo=UTC)
        ends_year = month[2] is None or number == 12
        after = (year + 1, 1) if ends_year else (year, number + 1)
        return begin, datetime(*after, 1, tzinfo=UTC) - tick
    begin = datetime.fromisoformat(written)
    begin = begin if begin.tzinfo else begin.replace(tzinfo=UTC)
    return (begin, begin + timedelta(days=1) - tick) if _DAY.fullmatch(written) else (begin, begin)
