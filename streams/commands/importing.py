"""`veille import`: exports of other tools, as posts that go the usual way."""

import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext as nothing
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from pydantic import SecretStr
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from streams.commands.common import (
    ConfigOption,
    JsonOption,
    counted,
    err,
    load_config_topics,
    load_settings,
    out,
    print_json,
    run,
    warn,
)
from streams.criteria.describe import printable
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.errors import ConfigError
from streams.importing.delivering import delivery
from streams.importing.indices import Index
from streams.importing.job import Item, Job, Report, Summary
from streams.importing.opening import local
from streams.importing.profiles import Profile, load_profile, profiles_in, save_profile
from streams.importing.reading import Plan, Wanted, items_of, plan
from streams.importing.trying import Tried, try_out
from streams.pipeline import Pipeline
from streams.sentiment.scorer import build_scorer
from streams.settings import Settings, config_dir
from streams.settings import Store as StoreSettings
from streams.store import opened_store


def import_(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|URL",
            help="A CSV file or .xlsx workbook, here or at a URL; - is stdin.",
            show_default=False,
        ),
    ] = "",
    *,
    profile: Annotated[
        str, typer.Option(help="auto, a profile's name, or a file of one.", metavar="NAME|FILE")
    ] = "auto",
    maps: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=COLUMN, before what the profile says; repeatable."),
    ] = None,
    zone: Annotated[str, typer.Option(help="Of times that name none, such as Europe/Paris.")] = "",
    date_format: Annotated[
        list[str] | None,
        typer.Option(help="How times are written, such as '%d/%m/%Y %H:%M'; repeatable."),
    ] = None,
    encoding: Annotated[
        str, typer.Option(help="The file's encoding; found out unless given.")
    ] = "",
    delimiter: Annotated[
        str, typer.Option(help="What stands between cells, or tab; found out unless given.")
    ] = "",
    source: Annotated[
        str, typer.Option(help="Source of all posts whose address does not tell it.")
    ] = "",
    topic: Annotated[
        str, typer.Option(help="A topic all posts belong to, whether they meet it or not.")
    ] = "",
    elasticsearch: Annotated[
        str,
        typer.Option("--from-elasticsearch", metavar="URL", help="Read it instead of a file."),
    ] = "",
    index: Annotated[str, typer.Option(help="Index, alias or pattern on that server.")] = "",
    query: Annotated[str, typer.Option(help="Only documents that meet it: a query string.")] = "",
    ca_file: Annotated[
        Path | None, typer.Option(help="Authority that signed that server's certificate (PEM).")
    ] = None,
    save: Annotated[
        str, typer.Option("--save-profile", help="Keep how it is read under this name.")
    ] = "",
    report: Annotated[
        Path | None,
        typer.Option(help="CSV file for rows that can't be read, instead of dead letters."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read all of it and tell; keep nothing.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Read from the start, not where it was left.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Go on though most rows can't be read.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring in the export of another tool: its posts are judged and kept as any others.

    Known are the exports of Brandwatch, Talkwalker, Meltwater, YouScan, Brand Analytics and 4CAT,
    and tables whose columns have usual names. Nobody is alerted of the past. A server's login:
    VEILLE_IMPORT_API_KEY, or VEILLE_IMPORT_USERNAME and VEILLE_IMPORT_PASSWORD.

    [bold]Example[/bold]: veille import mentions.csv --zone Europe/Paris --dry-run
    """
    settings = load_settings(config)
    topics = load_config_topics(config)
    if topic and topic not in {one.id for one in topics}:
        known = ", ".join(one.id for one in topics[:20])
        raise ConfigError(f"--topic {topic!r:.80}: no such topic. Remedy: one of {known}")
    if bool(file) == bool(elasticsearch) or bool(elasticsearch) != bool(index):
        raise ConfigError("a FILE, or --from-elasticsearch and --index. Remedy: give one of them")
    if elasticsearch and not elasticsearch.startswith(("http://", "https://")):
        raise ConfigError(
            f"--from-elasticsearch {elasticsearch!r:.80}: no address. Remedy: https://host:9200"
        )
    if save and not save.endswith((".yaml", ".yml")) and Path(save).name != save:
        raise ConfigError(
            f"--save-profile {save!r:.80}: not a name. Remedy: a word, or a path that ends in .yaml"
        )
    profiles = profiles_in(config_dir(config) / "import")
    if profile.endswith((".yaml", ".yml")):
        mine = load_profile(Path(profile))
        profiles[mine.id], profile = mine, mine.id
    wanted = Wanted(
        profile=profile, maps=tuple(maps or ()), zone=zone, formats=tuple(date_format or ()),
        encoding=encoding, delimiter="\t" if delimiter == "tab" else delimiter, source=source,
    )  # fmt: skip
    wanted.check()
    work = _Import(
        settings, topics, topic,
        report=report, dry_run=dry_run, restart=restart, force=force, quiet=as_json,
    )  # fmt: skip

    def keep(chosen: Profile) -> None:
        if save:
            _save(chosen, save, config)

    if elasticsearch:
        server = _server(elasticsearch, ca_file)
        told = run(work.index(Index(server, index, query), wanted, profiles, keep))
    else:
        with local(file) as path:
            found = plan(path, file, wanted, profiles)
            keep(found.profile)
            if dry_run and not as_json:
                _show_plan(found)
            told = run(work.file(found))
    print_json(told) if as_json else _show(told)


def _server(url: str, ca_file: Path | None) -> StoreSettings:
    environ = os.environ
    return StoreSettings(
        url=url,
        ca_file=ca_file,
        api_key=SecretStr(environ.get("VEILLE_IMPORT_API_KEY", "")),
        username=environ.get("VEILLE_IMPORT_USERNAME", ""),
        password=SecretStr(environ.get("VEILLE_IMPORT_PASSWORD", "")),
    )


class _Import:
    """One import with its bar."""

    def __init__(
        self,
        settings: Settings,
        topics: list[Topic],
        topic: str,
        *,
        report: Path | None,
        dry_run: bool,
        restart: bool,
        force: bool,
        quiet: bool,
    ) -> None:
        self._settings, self._topics, self._topic = settings, topics, topic
        self._report, self._dry_run = report, dry_run
        self._restart, self._force, self._quiet = restart, force, quiet

    async def file(self, found: Plan) -> Summary | Tried:
        """Of a file's rows."""
        mapper, name = found.mapper, found.profile.id
        if self._dry_run:
            return await self._try(items_of(found), name, mapper.fields, mapper.extra)

        def items(position: object) -> AsyncIterator[list[Item]]:
            return items_of(found, skip=position if isinstance(position, int) else 0)

        return await self._run(items, name, found.key)

    async def index(
        self,
        index: Index,
        wanted: Wanted,
        profiles: dict[str, Profile],
        keep: Callable[[Profile], None],
    ) -> Summary | Tried:
        """Of an index's documents."""
        try:
            await index.prepare(profiles, wanted)
            keep(index.profile)
            if self._dry_run:
                return await self._try(index.items(), index.profile.id, index.fields, index.extra)
            return await self._run(index.items, index.profile.id, index.key)
        finally:
            await index.close()

    async def _try(
        self,
        items: AsyncIterator[list[Item]],
        profile: str,
        fields: dict[str, list[str]],
        extra: list[str],
    ) -> Tried:
        tried = Tried(summary=Summary(profile=profile), fields=fields, extra=extra)
        with _bar(self._quiet) as tell:
            await try_out(items, self._topics, tried, tell)
        return tried

    async def _run(
        self, items: Callable[[object], AsyncIterator[list[Item]]], profile: str, key: str
    ) -> Summary:
        summary = Summary(profile=profile)
        with contextlib.closing(Report(self._report)) if self._report else nothing() as kept:
            async with opened_store(self._settings) as store:
                with _bar(self._quiet) as tell:
                    name = f"{key}/{self._topic}"
                    job = Job(store, name, report=kept, force=self._force, tell=tell)
                    begin = None if self._restart else await job.position()
                    summary.resumed = begin is not None
                    async with delivery(
                        self._settings, store, self._pipeline, topic=self._topic, note=warn
                    ) as to:
                        await job.run(items(begin), to, summary)
                        summary.waiting = to.waiting
        return summary

    def _pipeline(self) -> Pipeline:
        return Pipeline(
            compile_topics(self._topics), build_scorer(settings=self._settings.sentiment)
        )


class _bar:  # noqa: N801 # reads as a function
    """A bar on standard error that counts rows; called with each batch."""

    def __init__(self, quiet: bool) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f} rows"),
            TimeElapsedColumn(),
        )
        self._bars = Progress(*columns, console=err, transient=True, disable=quiet)

    def __enter__(self) -> Callable[[Summary, Any], None]:
        self._bars.start()
        task = self._bars.add_task("importing", total=None)

        def tell(summary: Summary, position: Any) -> None:
            done = position if isinstance(position, int) else summary.read
            self._bars.update(task, completed=done)

        return tell

    def __exit__(self, *_: object) -> None:
        self._bars.stop()


def _save(profile: Profile, name: str, config: Path | None) -> None:
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = config_dir(config) / "import" / f"{name}.yaml"
    save_profile(msgspec.structs.replace(profile, id=path.stem), path)
    err.print(f"kept as {path}", highlight=False, markup=False)


def _show_plan(found: Plan) -> None:
    layout = found.layout
    out.print(
        f"profile {found.profile.id}; {found.encoding}, columns separated by "
        f"{layout.delimiter!r}, named in line {layout.skip}; zone {found.profile.zone}",
        markup=False,
        highlight=False,
    )


def _show(told: Summary | Tried) -> None:
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
