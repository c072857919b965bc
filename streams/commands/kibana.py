"""`veille kibana`: dashboards from readable definitions, to a file or into Kibana."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from streams.commands.common import (
    FAILED,
    ConfigOption,
    JsonOption,
    counted,
    err,
    load_settings,
    out,
    print_json,
)
from streams.commands.kibana_check import DefinitionsOption, check
from streams.errors import ConfigError
from streams.kibana import export as exporting
from streams.kibana import pruning, reading, rules
from streams.kibana.client import Imported, Kibana, Presence, opened
from streams.kibana.definitions import LANGUAGES, Language
from streams.kibana.objects import SavedObject
from streams.kibana.pruning import Gone
from streams.kibana.rule_import import Bringing, Brought, bring

kibana = typer.Typer(no_args_is_help=True, help="Dashboards, saved searches and views for Kibana.")
kibana.command()(check)

LanguageOption = Annotated[Language, typer.Option(help="Of titles and explanations.")]


@kibana.command()
def export(
    *,
    language: Annotated[
        Language | None, typer.Option(help="One alone \\[default: each, a file a language].")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Folder \\[default: the shipped config/kibana].")
    ] = None,
    definitions: DefinitionsOption = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Write nothing; end with 1 where a shipped file is not current."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the files that Kibana imports, from the definitions.

    [bold]Example[/bold]: veille kibana export --language fr --out /tmp
    """
    found = reading.load(definitions)
    languages = (language,) if language else LANGUAGES
    folder = to or exporting.shipped("en").parent
    if check:
        stale = exporting.stale(found, folder, languages)
        for path in stale:
            _say(err, f"{path}: not current. Remedy: veille kibana export")
        raise typer.Exit(FAILED if stale else 0)
    for each in languages:
        objects = exporting.objects(found, each)
        path = folder / exporting.file_name(each)
        try:
            path.write_bytes(exporting.ndjson(objects))
        except OSError as error:
            raise ConfigError(
                f"{path}: can't be written ({error.strerror}). Remedy: --out FOLDER"
            ) from None
        if as_json:
            print_json({"file": str(path), "language": each, "objects": len(objects)})
        else:
            _say(out, f"{path}: {counted(len(objects), 'object')}.")


@kibana.command("import")
def import_(
    *,
    url: Annotated[str, typer.Option(help="Kibana's address \\[default: kibana.url].")] = "",
    space: Annotated[str, typer.Option(help="Which space \\[default: kibana.space].")] = "",
    language: LanguageOption = "en",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what is there; else it is left and told.")
    ] = False,
    with_rules: Annotated[
        bool, typer.Option("--rules", help="Alerting rules and their connectors, too.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Take away what Veille brought once and has no more.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only tell what would come, what is there and what gone."),
    ] = False,
    ca_file: Annotated[
        Path | None, typer.Option(help="Certificate authority \\[default: kibana.ca_file].")
    ] = None,
    definitions: DefinitionsOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring views, dashboards and searches into a Kibana, 8.19 up to 9.x.

    The indices are those of store.prefix, links lead to web.public_url. `--rules` brings alerting
    rules, and of the connectors those whose variables are set (docs/kibana.md). Credentials are
    settings alone: VEILLE_KIBANA__API_KEY, or VEILLE_KIBANA__USERNAME and VEILLE_KIBANA__PASSWORD.

    `--prune` takes away dashboards, panels and searches that an earlier Veille brought, with
    `--rules` rules, too; never what people made, or what something of theirs shows.

    [bold]Example[/bold]: veille kibana import --url http://127.0.0.1:5601 --language fr --overwrite
    """
    settings = load_settings(config)
    given = {"url": url, "space": space, "ca_file": ca_file}
    target = settings.kibana.model_copy(
        update={key: value for key, value in given.items() if value}
    )
    prefix, pages = settings.store.prefix, settings.web.base_url
    found = reading.load(definitions)
    objects = exporting.objects(found, language, prefix=prefix, pages=pages)
    how = Bringing(
        language=language,
        prefix=prefix,
        pages=pages,
        environ=os.environ,
        overwrite=overwrite,
        prune=prune,
        dry_run=dry_run,
    )
    with opened(target) as server:
        version = server.check()
        if dry_run:
            _tell_presence(server.look(objects), server, version, as_json, overwrite)
            failed = False
        else:
            done = server.take(objects, overwrite=overwrite)
            _tell_import(done, server, version, as_json)
            failed = bool(done.failures)
        if prune or dry_run:
            known = objects + (exporting.objects(reading.load(), language) if definitions else [])
            replaced = objects if dry_run and overwrite else []
            failed |= _take_away(server, pruning.gone(server, known, replaced), how, as_json)
        if with_rules:
            for brought in bring(server, rules.load(), found, how):
                _tell_rule(brought, as_json)
                failed |= brought.does == "fail"
    if failed:
        raise typer.Exit(FAILED)


def _tell_presence(
    found: list[Presence], server: Kibana, version: str, as_json: bool, overwrite: bool
) -> None:
    for one, there in found:
        does = ("replace" if overwrite else "leave") if there else "create"
        if as_json:
            print_json({"type": one["type"], "id": one["id"], "does": does})
        else:
            _say(out, f"{does:8} {_named(one)}")
    if not as_json:
        _say(err, f"{server.url}: Kibana {version}. Nothing was changed.")


def _tell_import(done: Imported, server: Kibana, version: str, as_json: bool) -> None:
    if as_json:
        print_json({"kibana": version, "imported": done.count, "failures": done.failures})
    else:
        for failure in done.failures:
            _say(err, f"{failure.type} {failure.id} ({failure.title}): {failure.reason}", "red")
        _say(out, f"{server.url}: Kibana {version}: {done.count} imported.")


def _take_away(server: Kibana, found: list[Gone], how: Bringing, as_json: bool) -> bool:
    """Whether Kibana keeps one that was to leave."""
    removes = how.prune and not how.dry_run
    failures = pruning.remove(server, found) if removes else []
    kept = {(one.type, one.id): one.reason for one in failures}
    for one in found:
        does, reason = "remove" if how.prune else "gone", "Remedy: --prune"
        if one.used_by:
            does, reason = "leave", f"gone, but used by {', '.join(one.used_by)}"
        elif (one.type, one.id) in kept:
            does, reason = "fail", kept[one.type, one.id]
        if as_json:
            told = {"type": one.type, "id": one.id, "does": does, "used_by": one.used_by}
            print_json(told | ({"reason": reason} if does == "fail" else {}))
            continue
        said = f"{does:8} {one.type} {one.id}: {one.title}"
        console, style = (err, "red") if does == "fail" else (out, "")
        _say(console, said if does == "remove" else f"{said} ({reason})", style)
    return bool(kept)


def _tell_rule(one: Brought, as_json: bool) -> None:
    if as_json:
        print_json(one)
        return
    told = f"{one.does:8} {one.kind} {one.id}: {one.name}"
    console, style = (err, "red") if one.does == "fail" else (out, "")
    _say(console, f"{told} ({one.reason})" if one.reason else told, style)


def _named(one: SavedObject) -> str:
    attributes: dict[str, Any] = one["attributes"]
    return f"{one['type']} {one['id']}: {attributes.get('name') or attributes.get('title')}"


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
