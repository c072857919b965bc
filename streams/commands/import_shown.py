"""What `veille import` tells people."""

from collections import Counter

from rich.table import Table
from rich.text import Text

from streams.commands.common import counted, out
from streams.criteria.describe import printable
from streams.importing.job import Summary
from streams.importing.reading import Plan
from streams.importing.trying import Tried


def show_plan(found: Plan) -> None:
    """How a file is read."""
    layout = found.layout
    out.print(
        f"profile {found.profile.id}; {found.encoding}, columns separated by "
        f"{layout.delimiter!r}, named in line {layout.skip}; zone {found.profile.zone}",
        markup=False,
        highlight=False,
    )


def show(told: Summary | Tried) -> None:
    """What became of it, or would."""
    if isinstance(told, Summary):
        _show_summary(told)
        return
    table = Table("field", "columns, the first that holds something", box=None)
    for field, names in sorted(told.fields.items()):
        table.add_row(field, Text(printable(" | ".join(names))))
    out.print(table)
    if told.extra:
        out.print(Text(printable(f"kept beside: {', '.join(told.extra)}")), soft_wrap=True)
    _show_summary(told.summary)
    for name, count in Counter(told.topics).most_common():
        meet = counted(count, "post meets", "posts meet")
        out.print(f"{meet} {name}", markup=False)


def _show_summary(summary: Summary) -> None:
    period = ""
    if summary.oldest and summary.newest:
        period = f", from {summary.oldest.date()} to {summary.newest.date()}"
    posts, rows = counted(summary.posts, "post"), counted(summary.read, "row")
    out.print(f"{posts} of {rows}{period}", markup=False)
    for name, count in Counter(summary.sources).most_common(12):
        out.print(f"  {count:,} {name}", markup=False)
    if summary.stored or summary.stale:
        out.print(
            f"{counted(summary.stored, 'mention')} stored, "
            f"{counted(summary.stale, 'was', 'were')} there in a newer form"
        )
    if summary.waiting:
        out.print("Handed to the workers; see what becomes of them: veille status")
    if summary.unreadable:
        out.print(f"{counted(summary.unreadable, 'row')} can't be read:", style="yellow")
        for one in summary.samples:
            out.print(Text(printable(f"  {one}")), soft_wrap=True)
