"""`veille report`: the printable report of a week, as HTML or PDF."""

from pathlib import Path
from typing import Annotated

import typer

from streams.commands.common import ConfigOption, load_config_topics, load_settings, out, run
from streams.errors import ConfigError


def report(
    *,
    topic: Annotated[list[str] | None, typer.Option(help="Topic id; repeatable.")] = None,
    week: Annotated[
        str, typer.Option(help="ISO week such as 2026-W47 \\[default: the last full one].")
    ] = "",
    since: Annotated[str, typer.Option(help="First day, instead of a week.")] = "",
    until: Annotated[str, typer.Option(help="The day after the last.")] = "",
    html: Annotated[Path | None, typer.Option(help="Write one HTML file.")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Write a PDF; needs Chromium.")] = None,
    ui: Annotated[str, typer.Option(help="Language: en, fr or ru.")] = "en",
    tz: Annotated[str, typer.Option(help="Time zone \\[default: alerts.zone].")] = "",
    config: ConfigOption = None,
) -> None:
    """Write the report of a week, made for A4, as one file.

    [bold]Example[/bold]: veille report --topic sample --week 2026-W47 --pdf report.pdf
    """
    from streams.web.reports.alone import page_of  # noqa: PLC0415  # slow to import
    from streams.web.reports.paper import chromium, write_pdf  # noqa: PLC0415  # slow to import

    if not html and not pdf:
        raise ConfigError("no file is named. Remedy: --html report.html or --pdf report.pdf")
    if pdf:
        chromium()  # before the work
    pairs = [("topic", one) for one in topic or ()]
    pairs += [("week", week), ("since", since), ("until", until)]
    settings, topics = load_settings(config), load_config_topics(config)
    page = run(page_of(settings, topics, pairs, ui=ui, zone=tz or settings.alerts.zone))
    try:
        if html:
            html.write_text(page, encoding="utf-8", errors="replace")
        if pdf:
            write_pdf(page, pdf)
    except OSError as error:
        raise ConfigError(f"{error.filename}: can't be written: {error.strerror}") from None
    for path in filter(None, (html, pdf)):
        out.print(str(path), highlight=False)
