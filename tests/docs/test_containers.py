"""The compose files and the Dockerfile: their structure, since no engine may be at hand."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.settings import Settings
from tests.docs import compose
from tests.docs.test_pages import cli
from tests.docs.tree import ROOT

COMPOSE: dict[str, Any] = compose.read("docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
KNOWN_KEYS = {
    "build", "cap_drop", "command", "depends_on", "entrypoint", "environment", "healthcheck",
    "image", "init", "mem_limit", "networks", "ports", "profiles", "read_only", "restart",
    "security_opt", "stop_grace_period", "tmpfs", "ulimits", "user", "volumes", "working_dir",
}  # fmt: skip

each_service = pytest.mark.parametrize("name", SERVICES)


def once(name: str) -> bool:
    """Whether a service does one thing and ends."""
    return bool(SERVICES[name]["restart"] == "no")


@each_service
def test_services_use_known_keys_and_pinned_images(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= KNOWN_KEYS
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+", service["image"])


@each_service
def test_services_are_confined(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"]), "not root"
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@each_service
def test_services_are_watched_and_started_again(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] in ("unless-stopped", "no")
    if not once(name):
        check = service["healthcheck"]
        assert check["test"][0] in ("CMD", "CMD-SHELL")
        assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@each_service
def test_services_wait_for_what_they_need(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[other]
        assert set(SERVICES[other]["networks"]) & set(SERVICES[name]["networks"])


@each_service
def test_ports_are_this_machine_s_alone(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)
        assert any(not COMPOSE["networks"][net] for net in SERVICES[name]["networks"])


def test_servers_without_passwords_are_on_a_network_that_leads_nowhere() -> None:
    assert COMPOSE["networks"]["data"]["internal"] is True
    for name in ("kafka", "elasticsearch"):
        assert SERVICES[name]["networks"] == ["data"]
        assert "ports" not in SERVICES[name]


@each_service
def test_volumes_exist(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert volume.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


def test_the_parts_are_commands_with_real_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [name for name in SERVICES if name.startswith("veille-")]
    commands = cli().commands
    dashboards = SERVICES["kibana-dashboards"]
    assert dashboards["command"][:3] == ["kibana", "import", "--overwrite"]
    monkeypatch.setenv("VEILLE_KIBANA__URL", dashboards["environment"]["VEILLE_KIBANA__URL"])
    assert Settings().kibana.url == "http://kibana:5601"
    for name in parts:
        assert SERVICES[name]["command"][0] == name.removeprefix("veille-")
        assert SERVICES[name]["command"][0] in commands
        for variable, value in SERVICES[name]["environment"].items():
            monkeypatch.setenv(variable, value)
        settings = Settings()
        assert settings.kafka.bootstrap_servers == "kafka:9092"
        assert settings.store.url == "http://elasticsearch:9200"
    assert parts == ["veille-worker", "veille-connect", "veille-web", "veille-webhooks"]
    assert {name: one["profiles"] for name, one in SERVICES.items() if "profiles" in one} == {
        "veille-webhooks": ["webhooks"]
    }
    assert SERVICES["veille-web"]["environment"]["VEILLE_WEB__HOST"] == "0.0.0.0"  # noqa: S104  # inside its container


def test_kibana_makes_its_key_once_and_keeps_it(tmp_path: Path) -> None:
    kibana = SERVICES["kibana"]
    (mount,) = kibana["volumes"]
    assert mount.split(":") == ["kibana", f"{kibana['working_dir']}/data"]
    (tmp_path / "data").mkdir()
    server = tmp_path / "kibana-docker"
    server.write_text('#!/bin/sh\necho "$@"\n', "utf-8")
    server.chmod(0o755)
    bash, *rest = kibana["command"]
    started = [bash, *(part.replace("$$", "$") for part in rest)]
    environ = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    found = set()
    for _ in range(2):
        done = subprocess.run(started, cwd=tmp_path, env=environ, check=True, capture_output=True)
        assert done.stdout.split() == [
            b"--config", b"config/kibana.yml", b"--config", b"data/encryption.yml",
        ]  # fmt: skip
        path = tmp_path / "data" / "encryption.yml"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        found.add(
            yaml.safe_load(path.read_text("utf-8"))["xpack.encryptedSavedObjects.encryptionKey"]
        )
    assert len(found) == 1
    assert re.fullmatch(r"[0-9a-f]{48}", *found)


def test_compose_and_code_agree_on_addresses() -> None:
    kafka = SERVICES["kafka"]["environment"]
    assert kafka["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://kafka:9092"
    assert len(kafka["CLUSTER_ID"]) == 22, "16 bytes in base64, as Kafka wants it"
    versions = {SERVICES[name]["image"].split(":")[1] for name in ("elasticsearch", "kibana")}
    assert len(versions) == 1, "Kibana and Elasticsearch go together"


def test_the_image_runs_as_a_user_of_its_own_with_hashed_parts() -> None:
    last = DOCKERFILE.split("\nFROM ")[-1]
    user = re.search(r"^USER (\S+)$", last, re.M)
    assert user
    assert user[1] not in ("root", "0")
    assert "--uid 10001" in last
    assert SERVICES["veille-web"]["user"] == "10001:10001"
    installs = re.findall(r"pip install (.*)", DOCKERFILE)
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)


def test_the_image_is_built_from_what_is_there() -> None:
    kept = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    stages = DOCKERFILE.split("\nFROM ")[0]
    for line in re.findall(r"^COPY (.+)$", stages, re.M):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source in kept or f"{source}/*.txt" in kept, f"{source} is ignored"
