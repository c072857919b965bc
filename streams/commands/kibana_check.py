"""`veille kibana check`: whether Elasticsearch can answer what the dashboards will ask of it."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from elasticsearch import ApiError, TransportError

from connectors.post import utc_now
from streams.commands.common import (
    FAILED,
    ConfigOption,
    JsonOption,
    err,
    load_settings,
    out,
    print_json,
    run,
)
from streams.errors import ConfigError
from streams.kibana import export as exporting
from streams.kibana import reading, rules
from streams.kibana.asking import Question, Questions, Span
from streams.kibana.definitions import Definitions
from streams.kibana.probing import Problem, of_rule, probe
from streams.settings import Store as StoreSettings
from streams.store.es_setup import connect, explain

DefinitionsOption = Annotated[
    Path | None, typer.Option(help="Folder of definitions of your own \\[default: the shipped].")
]


def check(
    *,
    definitions: DefinitionsOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Ask the store's Elasticsearch what every panel, control, search and rule will ask of it.

    Tells of each field that is not there, or can't do what is asked of it, with file and panel;
    ends with 1 where there is one. Needs no Kibana.

    [bold]Example[/bold]: veille kibana check
    """
    settings = load_settings(config).store
    if not settings.url:
        raise ConfigError(
            "store.url is empty: Kibana reads Elasticsearch alone. Remedy: name Elasticsearch's "
            "address (VEILLE_STORE__URL)"
        )
    folder = definitions or reading.shipped_definitions()
    asked = _questions(reading.load(folder), folder, settings.prefix)
    problems = run(_probe(settings, asked))
    if as_json:
        print_json({"asked": len(asked), "problems": problems})
    else:
        for problem in problems:
            err.print(str(problem), style="red", markup=False, highlight=False, soft_wrap=True)
        out.print(
            f"{settings.url}: {len(asked)} questions, {len(problems)} problems.", highlight=False
        )
    if problems:
        raise typer.Exit(FAILED)


def _questions(found: Definitions, folder: Path, prefix: str) -> dict[str, Question]:
    """Every question of the last day, by file and panel."""
    now = utc_now()
    span = Span(now - timedelta(days=1), now)
    made = Questions(exporting.objects(found, "en", prefix=prefix))
    files = dict(
        zip((one.id for one in found.dashboards), reading.board_files(folder), strict=True)
    )
    asked = {
        f"{path}: panel {panel}": question
        for board, path in files.items()
        for panel, question in made.panels(board, span)
    }
    shared = folder / reading.SHARED
    lists = {f"{shared}: search {name}": question for name, question in made.searches(span)}
    rung = {
        f"{rules.shipped_rules()}: rule {rule.id}": of_rule(
            rule, found.view(rule.view), prefix, now
        )
        for rule in rules.load().rules
    }
    return asked | lists | rung


async def _probe(settings: StoreSettings, asked: dict[str, Question]) -> list[Problem]:
    client = connect(settings)
    try:
        return await probe(client, asked)
    except (ApiError, TransportError) as error:
        raise explain(error, settings.url) from None
    finally:
        await client.close()
