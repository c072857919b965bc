"""`veille export`: all mentions that fit, to standard output or into a file."""

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from streams.commands.bars import counting
from streams.commands.common import (
    FAILED,
    ConfigOption,
    JsonOption,
    counted,
    err,
    load_settings,
    print_json,
    run,
)
from streams.commands.selecting import (
    LangOption,
    QueryArgument,
    Selection,
    SentimentOption,
    SinceOption,
    SourceOption,
    TopicOption,
    UntilOption,
)
from streams.errors import ConfigError
from streams.exporting import marks, packing
from streams.exporting.forms import LINES, form_of
from streams.exporting.marks import Job, Mark
from streams.exporting.parquet import ParquetSink
from streams.exporting.rows import pages
from streams.exporting.run import begin
from streams.exporting.run import export as write
from streams.exporting.sinks import LinesSink, Sink
from streams.settings import Settings
from streams.store import opened_store, sqlite_path
from streams.store.port import Filter, Store

PARQUET: Final = "parquet"
FORMATS: Final = (*LINES, PARQUET)
_SUFFIXES: Final = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": PARQUET, ".bulk": "bulk",
}  # fmt: skip


def export(
    query: QueryArgument = "",
    *,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help=f"{', '.join(FORMATS)} \\[default: as the file's name ends, else jsonl].",
        ),
    ] = "",
    path: Annotated[
        Path | None,
        typer.Option("--out", help="A file; with .gz or .zst at its end, compressed."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the export into --out that was cut.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file; forget what was cut.")
    ] = False,
    topic: TopicOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    sentiment: SentimentOption = None,
    lang: LangOption = None,
    source: SourceOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write all stored mentions that fit, oldest first: to standard output, or into a file.

    [bold]Example[/bold]: veille export --since 30d --out mentions.csv.gz
    """
    selection = Selection(query, topic, since, until, sentiment, lang, source)
    where = selection.where()
    chosen = _format(format_, path)
    settings = load_settings(config)
    if path is None:
        if resume or overwrite or as_json:
            raise ConfigError("--resume, --overwrite and --json need a file. Remedy: --out FILE")
        run(_to_stdout(settings, where, chosen))
    else:
        options = selection.given()
        job = Job(store=_named(settings), format=chosen, options=options, where=where)
        done: Mark = run(_to_file(settings, path, job, resume=resume, overwrite=overwrite))
        _tell(path, done, as_json=as_json)


def _format(given: str, path: Path | None) -> str:
    """Raises `ConfigError` for what is no format, or can't be written there."""
    packed = path is not None and path.suffix.lower() in packing.SUFFIXES
    name = path.with_suffix("") if path and packed else path
    chosen = given or _SUFFIXES.get(name.suffix.lower() if name else "", "jsonl")
    if chosen not in FORMATS:
        raise ConfigError(f"--format {chosen!r}: not a format. Remedy: one of {', '.join(FORMATS)}")
    if chosen == PARQUET and (path is None or packed):
        raise ConfigError(
            "Parquet needs a file of its own, and compresses by itself. "
            "Remedy: --out mentions.parquet"
        )
    return chosen


def _named(settings: Settings) -> str:
    """The store, as a file of marks remembers it."""
    if settings.store.url:
        return f"{settings.store.url.rstrip('/')}/{settings.store.prefix}"
    return str(sqlite_path(settings).absolute())


async def _to_stdout(settings: Settings, where: Filter, format_: str) -> None:
    form = form_of(format_, prefix=settings.store.prefix)
    try:
        sys.stdout.buffer.write(form.head)
        async with opened_store(settings) as store:
            async for page in pages(store, where, order="oldest"):
                sys.stdout.buffer.write(form.lines(page))
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()
        raise typer.Exit(FAILED) from None


async def _to_file(
    settings: Settings, path: Path, job: Job, *, resume: bool, overwrite: bool
) -> Mark:
    if not path.parent.is_dir():
        raise ConfigError(f"--out {path}: there is no such folder. Remedy: make it first")
    sink: Sink
    if job.format == PARQUET:
        sink = ParquetSink(path)
    else:
        sink = LinesSink(path, form_of(job.format, prefix=settings.store.prefix))
    with marks.alone(path):
        job = begin(path, job, sink, resume=resume, overwrite=overwrite)
        async with opened_store(settings) as store:
            return await _watched(store, path, job, sink)


async def _watched(store: Store, path: Path, job: Job, sink: Sink) -> Mark:
    if not err.is_terminal:
        return await write(store, path, job, sink, lambda mark: None)
    total, name = (await store.count(job.where)).total, str(path)
    with counting(quiet=False) as note:
        note(name, job.mark.rows, total)
        return await write(store, path, job, sink, lambda mark: note(name, mark.rows, total))


def _tell(path: Path, done: Mark, *, as_json: bool) -> None:
    size = path.stat().st_size
    if as_json:
        told: dict[str, Any] = {"path": str(path), "mentions": done.rows, "bytes": size}
        print_json(told)
    else:
        err.print(f"{counted(done.rows, 'mention')} in {path}, {size:,} bytes.", highlight=False)
