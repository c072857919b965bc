"""Times and numbers as the reader's language and zone write them: what the templates' filters do.

A script (`static/veille-core.js`) only keeps "5 min ago" true; all else is written here.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from babel import dates, numbers
from markupsafe import Markup

from connectors.post import utc_now
from streams.web.i18n import _, locale, reader, unbroken

Form = Literal["full", "short", "ago", "clock", "day"]


def utc(moment: datetime) -> str:
    """`2026-03-31 14:00:00 UTC`, in every language: what stands beside each time."""
    return f"{_naive(moment).isoformat(' ', 'seconds')} UTC"


def iso(moment: datetime) -> str:
    return f"{_naive(moment).isoformat('T', 'milliseconds')}Z"


def moment(at: datetime) -> str:
    """`31 Mar 2026, 16:00` by the reader's clock."""
    return f"{day(at)}, {clock(at)}"


def day(at: datetime) -> str:
    """`31 Mar 2026`."""
    return dates.format_date(_local(at), "medium", locale=locale())


def clock(at: datetime) -> str:
    """`16:00`."""
    return _local(at).strftime("%H:%M")


def near(at: datetime, now: datetime | None = None) -> str:
    """The clock today, the day and the clock in this year, else all of it."""
    there, here = _local(at), _local(now or utc_now())
    if there.date() == here.date():
        return clock(at)
    if there.year == here.year:
        return f"{dates.format_skeleton('MMMd', there, locale=locale())}, {clock(at)}"
    return moment(at)


def ago(at: datetime, now: datetime | None = None) -> str:
    """How long ago, in two words."""
    seconds = ((now or utc_now()) - at).total_seconds()
    if seconds < -60:
        return _("in the future")
    if seconds < 60:
        return _("just now")
    if seconds < 3_600:
        return _("%(n)s min ago", n=int(seconds // 60))
    if seconds < 86_400:
        return _("%(n)s h ago", n=int(seconds // 3_600))
    return _("%(n)s d ago", n=int(seconds // 86_400))


def when(at: datetime, form: Form = "full", now: datetime | None = None) -> Markup:
    """A `<time>` element with UTC on hover. `full` is `31 Mar 2026, 16:00`; `short` leaves out what
    today has and adds how long ago; `ago` is that alone; `clock` and `day` are parts."""
    past = Markup("<span data-ago>{}</span>").format(ago(at, now))
    forms: dict[Form, Callable[[], str]] = {
        "full": lambda: moment(at),
        "short": lambda: Markup("{} · {}").format(near(at, now), past),
        "ago": lambda: past,
        "clock": lambda: clock(at),
        "day": lambda: day(at),
    }
    said = forms[form]()
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso(at), utc(at), said)


def decimal(n: float, digits: int = 1) -> str:
    """At most so many decimals."""
    return unbroken(numbers.format_decimal(round(n, digits), locale=locale()))


def percent(share: float, digits: int = 0) -> str:
    """A share of 1 as `12 %`."""
    pattern = "#,##0" + ("." + "#" * digits if digits else "")
    said = numbers.format_decimal(round(100 * share, digits), pattern, locale=locale())
    return f"{unbroken(said)}\N{NO-BREAK SPACE}%"


def lasting(seconds: float) -> str:
    """A length of time in its two largest units."""
    minutes = max(0, round(seconds / 60))
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [_("%(n)s d", n=days)] * bool(days) + [_("%(n)s h", n=hours)] * bool(hours)
    if not days and (rest or not parts):
        parts.append(_("%(n)s min", n=rest))
    return " ".join(parts[:2])


def language(code: str) -> str:
    """The language of that ISO 639 code, as a heading has it: `French`, `Français`."""
    name = locale().languages.get(code.replace("-", "_")) or locale().languages.get(code[:2])
    return name[:1].upper() + name[1:] if name else code


def country(code: str) -> str:
    """The country of that ISO 3166-1 code."""
    return locale().territories.get(code) or code


def _local(moment: datetime) -> datetime:
    """By the reader's clock; in UTC at the ends of time, where no zone reaches."""
    try:
        return moment.astimezone(reader().tz)
    except OverflowError:
        return moment.astimezone(UTC)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
