"""`veille import`: exports of other tools, as posts that go the usual way."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
from pydantic import SecretStr

from streams.commands import import_options as options
from streams.commands.common import (
    ConfigOption,
    JsonOption,
    err,
    load_config_topics,
    load_settings,
    print_json,
    run,
)
from streams.commands.import_running import Import
from streams.commands.import_shown import show, show_plan
from streams.criteria.topics import Topic
from streams.errors import ConfigError
from streams.importing.indices import Index
from streams.importing.opening import local
from streams.importing.profiles import Profile, load_profile, profiles_in, save_profile
from streams.importing.reading import Wanted, plan
from streams.settings import Store as StoreSettings
from streams.settings import config_dir


def import_(
    file: options.FileArgument = "",
    *,
    profile: options.ProfileOption = "auto",
    maps: options.MapOption = None,
    zone: options.ZoneOption = "",
    date_format: options.DateFormatOption = None,
    encoding: options.EncodingOption = "",
    delimiter: options.DelimiterOption = "",
    source: options.SourceOption = "",
    topic: options.TopicOption = "",
    elasticsearch: options.ServerOption = "",
    index: options.IndexOption = "",
    query: options.QueryOption = "",
    ca_file: options.CaFileOption = None,
    save: options.SaveOption = "",
    report: options.ReportOption = None,
    dry_run: options.DryRunOption = False,
    restart: options.RestartOption = False,
    force: options.ForceOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring in the export of another tool: its posts are judged and kept as any others.

    Known are the exports of Brandwatch, Talkwalker, Meltwater, YouScan, Brand Analytics and 4CAT,
    and tables whose columns have usual names. Nobody is alerted of the past. A server's login:
    VEILLE_IMPORT_API_KEY, or VEILLE_IMPORT_USERNAME and VEILLE_IMPORT_PASSWORD.

    [bold]Example[/bold]: veille import mentions.csv --zone Europe/Paris --dry-run
    """
    settings, topics = load_settings(config), load_config_topics(config)
    _check_topic(topic, topics)
    _check_origin(file, elasticsearch, index)
    _check_name(save)
    profiles, profile = _profiles(profile, config)
    wanted = Wanted(
        profile=profile, maps=tuple(maps or ()), zone=zone, formats=tuple(date_format or ()),
        encoding=encoding, delimiter="\t" if delimiter == "tab" else delimiter, source=source,
    )  # fmt: skip
    wanted.check()
    work = Import(
        settings, topics, topic,
        report=report, dry_run=dry_run, restart=restart, force=force, quiet=as_json,
    )  # fmt: skip
    keep = partial(_save, name=save, config=config)
    if elasticsearch:
        server = _server(elasticsearch, ca_file)
        told = run(work.index(Index(server, index, query), wanted, profiles, keep))
    else:
        with local(file) as path:
            found = plan(path, file, wanted, profiles)
            keep(found.profile)
            if dry_run and not as_json:
                show_plan(found)
            told = run(work.file(found))
    print_json(told) if as_json else show(told)


def _check_topic(topic: str, topics: Sequence[Topic]) -> None:
    if topic and topic not in {one.id for one in topics}:
        known = ", ".join(one.id for one in topics[:20])
        raise ConfigError(f"--topic {topic!r:.80}: no such topic. Remedy: one of {known}")


def _check_origin(file: str, elasticsearch: str, index: str) -> None:
    if bool(file) == bool(elasticsearch) or bool(elasticsearch) != bool(index):
        raise ConfigError("a FILE, or --from-elasticsearch and --index. Remedy: give one of them")
    if elasticsearch and not elasticsearch.startswith(("http://", "https://")):
        raise ConfigError(
            f"--from-elasticsearch {elasticsearch!r:.80}: no address. Remedy: https://host:9200"
        )


def _check_name(save: str) -> None:
    if save and not save.endswith((".yaml", ".yml")) and Path(save).name != save:
        raise ConfigError(
            f"--save-profile {save!r:.80}: not a name. Remedy: a word, or a path that ends in .yaml"
        )


def _profiles(profile: str, config: Path | None) -> tuple[dict[str, Profile], str]:
    """Those there are, with the one of a file among them, and the name of the one to go by."""
    profiles = profiles_in(config_dir(config) / "import")
    if not profile.endswith((".yaml", ".yml")):
        return profiles, profile
    mine = load_profile(Path(profile))
    return {**profiles, mine.id: mine}, mine.id


def _server(url: str, ca_file: Path | None) -> StoreSettings:
    environ = os.environ
    return StoreSettings(
        url=url,
        ca_file=ca_file,
        api_key=SecretStr(environ.get("VEILLE_IMPORT_API_KEY", "")),
        username=environ.get("VEILLE_IMPORT_USERNAME", ""),
        password=SecretStr(environ.get("VEILLE_IMPORT_PASSWORD", "")),
    )


def _save(profile: Profile, name: str, config: Path | None) -> None:
    """Under a name, beside the settings, or in a file; nowhere without one."""
    if not name:
        return
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = config_dir(config) / "import" / f"{name}.yaml"
    save_profile(msgspec.structs.replace(profile, id=path.stem), path)
    err.print(f"kept as {path}", highlight=False, markup=False)
