"""What the commands share: options, settings, output, and how errors end a command."""

import asyncio
import getpass
import sys
from collections.abc import Coroutine, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console

from streams import settings as settings_module
from streams.alerts.watching import check as check_rules
from streams.criteria.loading import load_topics
from streams.criteria.topics import Topic
from streams.errors import ConfigError
from streams.settings import Settings

out: Final = Console()
err: Final = Console(stderr=True)

FAILED: Final = 1
MISUSED: Final = 2

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Folder with veille.yaml and topics.yaml \\[default: VEILLE_CONFIG, shipped]",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON value a line, for scripts.")]


def load_settings(config: Path | None) -> Settings:
    """The settings of `--config`, `VEILLE_CONFIG` or the shipped folder. Raises `ConfigError`."""
    return settings_module.load(config)


def topics_path(config: Path | None) -> Path:
    """The topics beside the settings. Raises `ConfigError`."""
    return settings_module.config_dir(config) / "topics.yaml"


def load_config_topics(config: Path | None) -> list[Topic]:
    """The topics beside the settings. Raises `ConfigError`, also for a rule that can't be read."""
    path = topics_path(config)
    topics = load_topics(path)
    check_rules(topics, path)
    return topics


def known_topic(topic: str, config: Path | None) -> Topic:
    """The one of this id. Raises `ConfigError` that names some there are."""
    known = {one.id: one for one in load_config_topics(config)}
    if topic not in known:
        raise ConfigError(f"no topic {topic!r}. Remedy: one of {', '.join(list(known)[:20])}")
    return known[topic]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end; Ctrl-C cancels the work, which cleans up after itself."""
    return asyncio.run(work)


def print_json(value: Any) -> None:
    """One line of JSON on standard output, whatever the terminal."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.flush()


def warn(sentence: str) -> None:
    """On standard error, to who waits."""
    err.print(sentence, style="yellow", highlight=False, markup=False)


def write_lines(lines: Iterator[bytes]) -> None:
    """Lines to standard output, fast; a reader that goes away (`| head`) ends it quietly."""
    try:
        for line in lines:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.write(b"\n")
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()
        raise typer.Exit(FAILED) from None


def parse_moment(value: str | None, option: str) -> datetime | None:
    """An RFC 3339 time, a date, or an age such as `90m`, `24h`, `7d`, `4w`, in UTC.

    Raises `ConfigError` that names the option and what it takes.
    """
    if not value:
        return None
    units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    try:
        if value[-1] in units and value[:-1].isdigit():
            return datetime.now(UTC) - timedelta(**{units[value[-1]]: int(value[:-1])})
        moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{option} {value!r}: not a time. Remedy: 2026-01-31, 2026-01-31T08:00:00Z, 24h or 7d"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def required_moment(value: str, option: str, example: str) -> datetime:
    """As `parse_moment`, where there must be one. Raises `ConfigError` for none, too."""
    moment = parse_moment(value, option)
    if moment is None:
        raise ConfigError(f"{option}: missing. Remedy: {option} {example}")
    return moment


def counted(count: int, one: str, many: str = "") -> str:
    """So many of a thing: `1 post`, `2,000 posts`; `many` where an s is not enough."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def parse_sets(sets: Sequence[str]) -> dict[str, Any]:
    """`key=value` pairs; a value in JSON's form is read as such, else as text.

    Raises `ConfigError` that shows the pair.
    """
    options: dict[str, Any] = {}
    for pair in sets:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise ConfigError(f"--set {pair!r}: not a setting. Remedy: --set key=value")
        try:
            options[key.strip()] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            options[key.strip()] = value
    return options


def login() -> str:
    """The name of who is at the terminal."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
