"""`veille kibana import --prune` against a server that speaks Kibana's API."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.cli import run
from streams.kibana import rules
from streams.kibana.objects import reference, saved, tagged
from tests.support.kibana_server import FakeKibana, fake_kibana

OLD_PANEL = ("default", "lens", "veille-topic-old")
OLD_BOARD = ("default", "dashboard", "veille-old")


def brought(fake: FakeKibana, *options: str) -> int:
    return run(["kibana", "import", "--url", fake.url, "--overwrite", *options])


def put(fake: FakeKibana, kind: str, name: str, *shown: str, own: bool = True) -> None:
    """An object that shows panels; `own`: with Veille's tag."""
    references = [reference("lens", f"panel_{panel}", panel) for panel in shown]
    made = saved(kind, name, {"title": f"Title of {name}"}, references + [tagged()] * own)
    fake.held["default", kind, name] = made


def earlier(fake: FakeKibana) -> None:
    """What an earlier Veille brought beside today's: a panel on a dashboard that is there still,
    and a dashboard with its panel."""
    brought(fake)
    put(fake, "lens", "veille-topic-old")
    board = fake.held["default", "dashboard", "veille-topic"]
    old = reference("lens", "panel_old", "veille-topic-old")
    fake.held["default", "dashboard", "veille-topic"] = board | {
        "references": [*board["references"], old]
    }
    put(fake, "lens", "veille-old-panel")
    put(fake, "dashboard", "veille-old", "veille-old-panel")


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if line.get("does") in ("gone", "remove", "leave", "fail")]


def test_what_veille_has_no_more_leaves_and_what_people_made_stays() -> None:
    with fake_kibana() as fake:
        earlier(fake)
        put(fake, "dashboard", "9f0c2c6e-copy", "veille-topic-mentions")
        put(fake, "dashboard", "veille-by-hand", own=False)
        put(fake, "dashboard", "press", "press-course")
        before = set(fake.held)
        assert brought(fake) == 0
        assert set(fake.held) == before
        assert brought(fake, "--prune") == 0
        assert before - set(fake.held) == {
            OLD_PANEL,
            OLD_BOARD,
            ("default", "lens", "veille-old-panel"),
        }


def test_a_dry_run_tells_what_is_gone_and_changes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with fake_kibana() as fake:
        earlier(fake)
        before = dict(fake.held)
        for option, does in (((), "gone"), (("--prune",), "remove")):
            capsys.readouterr()
            assert brought(fake, "--dry-run", "--json", *option) == 0
            assert {(line["id"], line["does"]) for line in told(capsys)} == {
                ("veille-old", does),
                ("veille-old-panel", does),
                ("veille-topic-old", does),
            }
        assert fake.held == before
        capsys.readouterr()
        brought(fake, "--dry-run")
        said = "gone     dashboard veille-old: Title of veille-old (Remedy: --prune)"
        assert said in capsys.readouterr().out


def test_what_something_of_people_shows_stays_with_all_that_it_shows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with fake_kibana() as fake:
        earlier(fake)
        put(fake, "dashboard", "press", own=False)
        leads = reference("dashboard", "drilldown:0", "veille-old")
        fake.held["default", "dashboard", "press"]["references"].append(leads)
        capsys.readouterr()
        assert brought(fake, "--prune", "--json") == 0
        assert {line["id"]: (line["does"], line["used_by"]) for line in told(capsys)} == {
            "veille-old": ("leave", ["Title of press"]),
            "veille-old-panel": ("leave", ["Title of veille-old"]),
            "veille-topic-old": ("remove", []),
        }
        assert OLD_BOARD in fake.held


def test_what_kibana_keeps_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with fake_kibana(shared=frozenset({"veille-topic-old"})) as fake:
        earlier(fake)
        assert brought(fake, "--prune") == 1
        assert OLD_PANEL in fake.held
        assert OLD_BOARD not in fake.held
    said = "in multiple namespaces. Remedy: delete it in Kibana"
    assert said in " ".join(capsys.readouterr().err.split())


def test_definitions_of_ones_own_leave_veilles_alone(tmp_path: Path) -> None:
    shipped = Path("config/kibana/definitions")
    for name in ("shared.yaml", "topic.yaml"):
        (tmp_path / name).write_bytes((shipped / name).read_bytes())
    with fake_kibana() as fake:
        earlier(fake)
        assert brought(fake, "--prune", "--definitions", str(tmp_path)) == 0
        assert ("default", "dashboard", "veille-reputation") in fake.held
        assert OLD_PANEL not in fake.held


def test_a_rule_of_an_earlier_veille_leaves_and_staffs_rules_stay(
    capsys: pytest.CaptureFixture[str],
) -> None:
    old_id = "50ba1dde-3d5f-425a-a68c-bf3bd3ba89ad"
    with fake_kibana() as fake:
        assert brought(fake, "--rules") == 0
        lag = next(one for one in fake.held.values() if one.get("name") == "Veille: lag")
        assert "veille-rule-lag" in lag["tags"]
        copied = lag | {"id": old_id, "name": "Veille: lag (ours)"}
        fake.held["default", "rule", old_id] = copied
        known = next(one for one in rules.load().rules if one.id == "lag")
        gone = msgspec.structs.replace(known, id="slow")
        fake.held["default", "rule", gone.object_id] = lag | {
            "id": gone.object_id,
            "tags": ["veille", "veille-rule-slow"],
        }
        capsys.readouterr()
        assert brought(fake, "--rules", "--dry-run") == 0
        assert "gone     rule slow: Veille: lag (Veille has it no more" in capsys.readouterr().out
        assert brought(fake, "--rules") == 0
        assert ("default", "rule", gone.object_id) in fake.held
        assert brought(fake, "--rules", "--prune") == 0
        assert ("default", "rule", gone.object_id) not in fake.held
        assert ("default", "rule", old_id) in fake.held
