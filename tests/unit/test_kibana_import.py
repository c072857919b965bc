"""`veille kibana import` against a server that speaks Kibana's API."""

import json
from pathlib import Path
from typing import Any

import pytest

from streams.cli import run
from streams.kibana import export, reading
from streams.kibana.client import opened
from streams.settings import Kibana
from tests.support.kibana_server import FakeKibana, fake_kibana

OBJECTS = export.objects(reading.load(), "fr")


def brought(fake: FakeKibana, *options: str) -> int:
    return run(["kibana", "import", "--url", fake.url, "--language", "fr", *options])


def titles(fake: FakeKibana, kind: str, space: str = "default") -> set[str]:
    return {
        one["attributes"]["title"]
        for (where, what, _), one in fake.held.items()
        if (where, what) == (space, kind)
    }


def test_everything_comes_in_the_language_and_with_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEILLE_STORE__PREFIX", "watch")
    monkeypatch.setenv("VEILLE_WEB__PUBLIC_URL", "https://veille.example.org/")
    with fake_kibana() as fake:
        assert brought(fake) == 0
    assert len(fake.held) == len(OBJECTS)
    assert "Vue d'ensemble de la réputation" in titles(fake, "dashboard")
    assert titles(fake, "index-pattern") >= {"watch-mentions", "watch-alerts"}
    alerts = fake.held["default", "index-pattern", "veille-alerts"]["attributes"]
    links = json.loads(alerts["fieldFormatMap"])["url"]["params"]
    assert links == {"urlTemplate": "https://veille.example.org{{rawValue}}"}


def test_what_is_there_is_left_and_told_unless_it_may_be_replaced(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with fake_kibana() as fake:
        assert brought(fake) == 0
        assert brought(fake) == 1
        told = capsys.readouterr().err
        assert told.count("is there already. Remedy: --overwrite") == len(OBJECTS)
        assert brought(fake, "--overwrite") == 0


def test_a_dry_run_tells_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with fake_kibana() as fake:
        assert brought(fake, "--dry-run", "--json") == 0
        assert not fake.held
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["does"] for line in lines] == ["create"] * len(OBJECTS)
        brought(fake)
        del fake.held["default", "tag", "veille-tag"]
        before = dict(fake.held)
        capsys.readouterr()
        assert brought(fake, "--dry-run", "--overwrite") == 0
        told = capsys.readouterr().out.splitlines()
        assert (told[0].split()[0], {line.split()[0] for line in told[1:]}) == (
            "create",
            {"replace"},
        )
        assert fake.held == before


def test_a_dry_run_takes_what_it_may_not_read_for_no_absence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with fake_kibana(closed=frozenset({"map"})) as fake:
        assert brought(fake, "--dry-run") == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "map veille-reputation-map: Unable to bulk_get map. Remedy: give the user" in told


def test_a_space_and_a_key_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEILLE_KIBANA__API_KEY", "s3cret")
    with fake_kibana(key="s3cret", spaces=frozenset({"press"})) as fake:
        assert brought(fake, "--space", "press") == 0
        assert len(titles(fake, "dashboard", "press")) >= 2
        assert brought(fake, "--space", "../x") == 2


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"key": "other"}, "answers 401: security_exception"),
        ({"version": "8.18.4"}, "Kibana 8.18.4; these objects are for 8.19 up to 9.x"),
        ({"version": "10.0.0"}, "Kibana 10.0.0; these"),
        ({"version": ""}, "does not tell its version"),
        ({"refuse": (403, "Unable to bulk_create dashboard")}, "right to manage saved objects"),
        ({"refuse": (500, "boom")}, "answers 500: boom. Remedy: look into Kibana's log"),
        ({"refuse": (413, "too large")}, "maxImportPayloadBytes"),
        ({"spaces": frozenset()}, "check the address and the space default"),
        ({"unsupported": frozenset({"map"})}, "map veille-reputation-map (D'où): of a type"),
    ],
)
def test_a_refusal_names_place_and_remedy(
    settings: dict[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with fake_kibana(**settings) as fake:
        assert brought(fake) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert told in said
    assert "Remedy: " in said


def test_an_object_whose_view_is_missing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with fake_kibana() as fake, opened(Kibana(url=fake.url)) as kibana:
        alone = [one for one in OBJECTS if one["type"] == "search"][:1]
        done = kibana.take(alone, overwrite=False)
    assert done.count == 0
    assert "needs index-pattern veille-mentions, which is not there" in done.failures[0].reason


def test_a_server_that_is_not_there_or_is_no_kibana_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with fake_kibana() as fake:
        pass
    assert brought(fake) == 1
    assert "Kibana does not answer" in capsys.readouterr().err
    assert run(["kibana", "import"]) == 2
    assert "kibana.url is empty" in capsys.readouterr().err


def test_export_writes_each_language_and_check_finds_what_is_stale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["kibana", "export", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "veille.en.ndjson",
        "veille.fr.ndjson",
        "veille.ru.ndjson",
    ]
    assert run(["kibana", "export", "--check", "--out", str(tmp_path)]) == 0
    (tmp_path / "veille.ru.ndjson").write_text("{}\n", "utf-8")
    assert run(["kibana", "export", "--check", "--out", str(tmp_path)]) == 1
    assert "veille.ru.ndjson: not current" in capsys.readouterr().err
