"""`veille alerts backtest`: the alarms that a topic's own history would have sent."""

from datetime import datetime, timedelta
from typing import Annotated, Any, get_args

import msgspec
import typer
from rich.table import Table

from connectors.post import utc_now
from streams.alerts.allowance import budget_of, windows_of
from streams.alerts.backtest import SENSITIVITIES, Answer, Past, past, replayed
from streams.alerts.incidents import moment
from streams.alerts.records import Sensitivity
from streams.alerts.watching import Watching, watching
from streams.commands.common import (
    ConfigOption,
    JsonOption,
    counted,
    load_config_topics,
    load_settings,
    out,
    parse_moment,
    print_json,
    run,
)
from streams.criteria.topics import Topic
from streams.errors import ConfigError, VeilleError
from streams.settings import Settings
from streams.store import opened_store
from streams.web.incident_words import KINDS, few, rate, what


def backtest(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="Id of a topic.")],
    *,
    since: Annotated[
        str, typer.Option(help="So long before its last mention (90d, 12w), or a date.")
    ] = "90d",
    sensitivity: Annotated[
        str, typer.Option(help="`low`, `normal` or `high`; all three if absent.")
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show which alarms a topic's own history would have sent.

    [bold]Example[/bold]: veille alerts backtest sample --since 30d
    """
    if sensitivity and sensitivity not in get_args(Sensitivity):
        known = ", ".join(get_args(Sensitivity))
        raise ConfigError(f"--sensitivity {sensitivity!r}: no such sensitivity. Remedy: {known}")
    asked: list[Sensitivity] = [one for one in SENSITIVITIES if sensitivity in ("", one)]
    settings, topics = load_settings(config), load_config_topics(config)
    known = run(_past(settings, topic, _since(since)))
    if known is None:
        raise VeilleError(_nothing(topic, topics))
    way = _watching(topic, topics, settings)
    budget, windows = budget_of(settings.alerts, len(topics)), windows_of(settings.alerts)
    for each in asked:
        set_so = msgspec.structs.replace(way, sensitivity=each)
        _show(known, replayed(known, set_so, budget=budget, windows=windows), as_json=as_json)
    if not as_json and not known.weeks:
        out.print("Too little is known of it yet: a topic is judged after 60 hours.", style="dim")


def _since(text: str) -> datetime | timedelta:
    """A span back from the last mention, or a time."""
    found = parse_moment(text, "--since")
    if found is None:
        raise ConfigError("--since: empty. Remedy: 90d or 2026-01-31")
    is_span = text[-1:] in "mhdw" and text[:-1].isdigit()
    return utc_now() - found if is_span else found


async def _past(settings: Settings, topic: str, since: datetime | timedelta) -> Past | None:
    async with opened_store(settings) as store:
        return await past(store, topic, now=utc_now(), since=since)


def _watching(topic: str, topics: list[Topic], settings: Settings) -> Watching:
    usual = settings.alerts.sensitivity
    known = next((one for one in topics if one.id == topic), None)
    return watching(known, usual) if known else Watching(sensitivity=usual)


def _nothing(topic: str, topics: list[Topic]) -> str:
    known = ", ".join(one.id for one in topics[:20])
    return f"topic {topic!r}: nothing is stored of it. Remedy: one of {known or 'topics.yaml'}"


def _show(known: Past, answer: Answer, *, as_json: bool) -> None:
    if as_json:
        print_json(_line(known, answer))
        return
    n = len(answer.alarms)
    out.print(
        f"{answer.sensitivity}: {counted(n, 'alarm')} in {few(known.weeks)} weeks, "
        f"{rate(answer.a_week)} a week",
        style="bold",
    )
    if answer.alarms:
        table = Table("opened", "kind", "severity", "why", box=None)
        for one in answer.alarms:
            opened = f"{one.opened_at:%Y-%m-%d %H:%M}"
            table.add_row(opened, KINDS[one.kind], one.severity, what(one))
        out.print(table)


def _line(known: Past, answer: Answer) -> dict[str, Any]:
    """One answer, for scripts."""
    found: dict[str, Any] = msgspec.to_builtins(
        {
            "topic": known.topic,
            "sensitivity": answer.sensitivity,
            "since": moment(known.since),
            "judged_from": moment(known.judged_from),
            "until": moment(known.until),
            "weeks": round(known.weeks, 2),
            "alarms_a_week": round(answer.a_week, 2),
            "alarms": [
                {
                    name: getattr(one, name)
                    for name in ("kind", "severity", "opened_at", "until", "observed", "expected")
                }
                for one in answer.alarms
            ],
        }
    )
    return found
