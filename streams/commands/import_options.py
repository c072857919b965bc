"""The options of `veille import`: what is read, how, and what becomes of it."""

from pathlib import Path
from typing import Annotated

import typer

FileArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE|URL",
        help="A CSV file or .xlsx workbook, here or at a URL; - is stdin.",
        show_default=False,
    ),
]
ProfileOption = Annotated[
    str, typer.Option(help="auto, a profile's name, or a file of one.", metavar="NAME|FILE")
]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", help="FIELD=COLUMN, before what the profile says; repeatable."),
]
ZoneOption = Annotated[str, typer.Option(help="Of times that name none, such as Europe/Paris.")]
DateFormatOption = Annotated[
    list[str] | None,
    typer.Option(help="How times are written, such as '%d/%m/%Y %H:%M'; repeatable."),
]
EncodingOption = Annotated[str, typer.Option(help="The file's encoding; found out unless given.")]
DelimiterOption = Annotated[
    str, typer.Option(help="What stands between cells, or tab; found out unless given.")
]
SourceOption = Annotated[
    str, typer.Option(help="Source of all posts whose address does not tell it.")
]
TopicOption = Annotated[
    str, typer.Option(help="A topic all posts belong to, whether they meet it or not.")
]
ServerOption = Annotated[
    str,
    typer.Option("--from-elasticsearch", metavar="URL", help="Read it instead of a file."),
]
IndexOption = Annotated[str, typer.Option(help="Index, alias or pattern on that server.")]
QueryOption = Annotated[str, typer.Option(help="Only documents that meet it: a query string.")]
CaFileOption = Annotated[
    Path | None, typer.Option(help="Authority that signed that server's certificate (PEM).")
]
SaveOption = Annotated[
    str, typer.Option("--save-profile", help="Keep how it is read under this name.")
]
ReportOption = Annotated[
    Path | None,
    typer.Option(help="CSV file for rows that can't be read, instead of dead letters."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Read all of it and tell; keep nothing.")
]
RestartOption = Annotated[
    bool, typer.Option("--restart", help="Read from the start, not where it was left.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Go on though most rows can't be read.")]
