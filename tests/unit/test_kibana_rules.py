"""Rules and connectors: read strictly, made into payloads, brought into a server that speaks
Kibana's API."""

import json
from pathlib import Path
from typing import Any

import pytest

from streams.cli import run
from streams.errors import ConfigError
from streams.kibana import reading, rules
from streams.kibana.definitions import LANGUAGES
from tests.support.kibana_server import FakeKibana, fake_kibana

RULES = rules.load()
MAIL = {
    "KIBANA_MAIL_HOST": "mail.example.org",
    "KIBANA_MAIL_TLS": "true",
    "KIBANA_MAIL_FROM": "veille@example.org",
    "KIBANA_MAIL_TO": "ops@example.org",
    "KIBANA_MAIL_USER": "veille",
    "KIBANA_MAIL_PASSWORD": "007",
}


def brought(fake: FakeKibana, *options: str) -> int:
    return run(["kibana", "import", "--url", fake.url, "--rules", *options])


def held(fake: FakeKibana, kind: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for (_, what, _), one in fake.held.items() if what == kind}


def test_every_rule_comes_and_tells_by_the_connectors_that_are_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (MAIL | {"VEILLE_STORE__PREFIX": "watch"}).items():
        monkeypatch.setenv(name, value)
    with fake_kibana() as fake:
        assert brought(fake) == 0
    connectors, found = held(fake, "connector"), held(fake, "rule")
    assert set(connectors) == {"Veille: Kibana's log", "Veille: e-mail"}
    mail = connectors["Veille: e-mail"]
    assert (mail["config"]["port"], mail["config"]["secure"]) == (587, True)
    assert mail["secrets"] == {"user": "veille", "password": "007"}
    assert len(found) == len(RULES.rules)
    spike = found["Veille: negative spike"]
    assert spike["params"]["index"] == ["watch-alerts"]
    assert [(one["id"], one["group"]) for one in spike["actions"]] == [
        (connector["id"], group)
        for connector in connectors.values()
        for group in ("query matched", "recovered")
    ]
    (sent,) = [one["params"] for one in spike["actions"][2:3]]
    assert sent["to"] == ["ops@example.org"]
    assert sent["message"].endswith("http://127.0.0.1:8420/incidents/{{alert.id}}")
    told = capsys.readouterr().out
    assert "set KIBANA_SLACK_WEBHOOK_URL" in told
    assert "007" not in told


def test_what_is_there_stays_as_it_is_unless_it_may_be_replaced() -> None:
    with fake_kibana() as fake:
        assert brought(fake) == 0
        for one in held(fake, "rule").values():
            one |= {"enabled": False, "name": one["name"] + " (ours)"}
        assert brought(fake, "--overwrite") == 0
        replaced = held(fake, "rule")
        assert "Veille: lag" in replaced
        assert not any(one["enabled"] for one in replaced.values())
        before = list(fake.requests)
        brought(fake)
        since = fake.requests[len(before) :]
        assert not [asked for asked in since if "/rule/" in asked or "/connector/" in asked]


def test_a_dry_run_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with fake_kibana() as fake:
        assert brought(fake, "--dry-run", "--json", "--language", "ru") == 0
        assert not fake.held
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"kind": "rule", "id": "lag", "name": "Veille: отставание", "does": "create",
            "reason": ""} in lines  # fmt: skip


def test_a_refusal_of_one_is_told_and_the_rest_comes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in MAIL.items():
        monkeypatch.setenv(name, value)
    with fake_kibana(unlicensed=frozenset({".email"})) as fake:
        assert brought(fake) == 1
    assert set(held(fake, "connector")) == {"Veille: Kibana's log"}
    assert len(held(fake, "rule")) == len(RULES.rules)
    told = " ".join(capsys.readouterr().err.split())
    assert "connector mail: Veille: e-mail" in told
    assert "Remedy: raise the licence, or do without" in told


def test_a_kibana_without_a_key_for_secrets_is_told_what_it_lacks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = "Unable to create actions client: the Encrypted Saved Objects plugin is missing "
    with fake_kibana() as fake:
        assert run(["kibana", "import", "--url", fake.url]) == 0
        fake.refuse_rules = (500, said + "encryption key")
        assert brought(fake, "--overwrite") == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "Remedy: set xpack.encryptedSavedObjects.encryptionKey in kibana.yml" in told


def test_a_webhook_sends_json_that_kibana_fills_in() -> None:
    definitions = reading.load()
    (hook,) = [one for one in RULES.connectors if one.id == "webhook"]
    for rule in RULES.rules:
        for language in LANGUAGES:
            assert rules.params(rule, definitions.view(rule.view), "veille")["timeField"]
            for action in rules.actions(rule, [hook], language, "https://veille.example.org/"):
                body = json.loads(action["params"]["body"])
                assert body["rule"] == "{{rule.name}}"
                assert "{pages}" not in body["message"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "of: lag",
            "of: lagg",
            "rule lag: field 'lagg' is not in config/",
        ),
        ("of: lag", "of: message", "rule lag: average: field 'message' is a text"),
        ("window: 10m", "window: 10 minutes", "rule lag: window: "),
        ("above: 10000", "over: 10000", "rule lag: "),
        ("below: 1\n", "below: 1\n    above: 3\n", "needs one of above and below"),
        ('"${KIBANA_MAIL_PASSWORD}"', "hunter2", "secrets.password is written out"),
        ('status : "open" and', 'status : "open" and and', "rule negative-spike: KQL"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = rules.shipped_rules().read_text("utf-8")
    assert old in text
    path = tmp_path / "rules.yaml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ConfigError) as raised:
        rules.load(path)
    assert told in str(raised.value)
    assert str(path) in str(raised.value)
    assert "Remedy: " in str(raised.value)
