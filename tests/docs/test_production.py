"""docker-compose.production.yml over docker-compose.yml: nothing without TLS and a password, each
setting, path and user known, and the secrets made by its script fit for all of it."""

import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from streams.channels.opening import SHORTEST_SECRET
from streams.settings import Settings
from tests.docs import compose
from tests.docs.test_containers import KNOWN_KEYS
from tests.docs.tree import ROOT

NAMES = ("docker-compose.yml", "docker-compose.production.yml")
BOTH = compose.merged(*NAMES)
SERVICES: dict[str, dict[str, Any]] = BOTH["services"]
BROKERS = ("kafka", "kafka-2", "kafka-3")
OURS = (
    *("veille-worker", "veille-connect", "veille-web", "veille-webhooks"),
    "kibana-dashboards",
)
SCRIPT = ROOT / "config" / "production" / "secrets.sh"

each_service = pytest.mark.parametrize("name", SERVICES)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the script makes."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is missing: apt-get install openssl")
    folder = tmp_path_factory.mktemp("secrets")
    for _ in range(2):  # a second time changes nothing
        made = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        subprocess.run(
            ["sh", str(SCRIPT), "veille.example.org", str(folder)], check=True, capture_output=True
        )
    assert {path: path.read_bytes() for path in made} == made
    return folder


def environment(name: str) -> dict[str, str]:
    values = SERVICES[name].get("environment", {})
    return {key: _filled(str(value)) for key, value in values.items()}


def _filled(value: str) -> str:
    return re.sub(r"\$\{VEILLE_HOST:\?[^}]*\}", "veille.example.org", value)


@each_service
def test_services_are_whole_pinned_and_confined(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= KNOWN_KEYS | {"deploy"}
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+", service["image"])
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"]), "not root"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    if service["restart"] != "no":
        check = service["healthcheck"]
        assert {"test", "interval", "timeout", "retries", "start_period"} <= set(check)
        assert "http://" not in str(check) or name == "veille-web"


@each_service
def test_services_wait_for_what_they_can_reach(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        ends = SERVICES[other]["restart"] == "no"
        wanted = "service_completed_successfully" if ends else "service_healthy"
        assert how == {"condition": wanted}
        assert set(SERVICES[other]["networks"]) & set(SERVICES[name]["networks"])


def test_only_the_proxy_is_reached_from_outside() -> None:
    published = {name: one["ports"] for name, one in SERVICES.items() if one.get("ports")}
    assert published == {"proxy": ["443:8443", "5601:8444"]}
    caddy = (ROOT / "config" / "production" / "Caddyfile").read_text("utf-8")
    assert re.findall(r"^:(\d+) \{", caddy, re.M) == ["8443", "8444"]
    assert set(re.findall(r"reverse_proxy (\S+)", caddy)) == {
        "veille-web:8420", "https://kibana:5601",
    }  # fmt: skip


@each_service
def test_no_secret_stands_in_a_file_of_the_repository(name: str) -> None:
    for key, value in environment(name).items():
        if re.search(r"PASSWORD|API_KEY|SECRET|TOKEN", key, re.I):
            assert key.endswith("_FILE"), key
            assert value.startswith("/"), key
    assert "secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


@each_service
def test_each_path_in_a_container_is_mounted_and_made(name: str, secrets: Path) -> None:
    mounts = dict(volume.split(":")[1::-1] for volume in SERVICES[name].get("volumes", []))
    said = str([SERVICES[name].get(key) for key in ("command", "healthcheck", "environment")])
    said += str(SERVICES[name].get("entrypoint"))
    for target, source in mounts.items():
        if source.startswith("./secrets/"):
            here = secrets / source.removeprefix("./secrets/")
        elif source.startswith("."):
            here = ROOT / source
        else:
            assert source in BOTH["volumes"]
            continue
        assert here.exists(), source
        assert f"{source}:{target}:ro" in SERVICES[name]["volumes"]
        for inner in re.findall(rf"{re.escape(target)}/([\w./-]+)", said):
            assert (here / inner).is_file(), f"{target}/{inner}"
    for inner in re.findall(r"(?<![\w/])(?:config/)?certs/([\w.-]+)", said):
        assert (secrets / "elasticsearch" / inner).is_file()


@pytest.mark.parametrize("name", OURS)
def test_settings_exist_and_speak_tls(
    name: str, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in environment(name).items():
        if key.startswith("VEILLE_") and key != "VEILLE_CONFIG":
            monkeypatch.setenv(key, value.replace("/run/secrets", str(secrets / "veille")))
    found = Settings()
    assert found.kafka.security_protocol == "SASL_SSL"
    assert found.kafka.bootstrap_servers == ",".join(f"{broker}:9092" for broker in BROKERS)
    assert found.kafka.password.get_secret_value() == held(secrets, "veille/kafka-password")
    assert found.store.url == "https://elasticsearch:9200"
    assert found.store.password.get_secret_value() == held(secrets, "veille/store-password")
    assert isinstance(found.store.password, SecretStr)
    assert found.kafka.ca_file == found.store.ca_file == secrets / "veille" / "ca.crt"
    assert found.web.public_url == "https://veille.example.org"
    if name == "kibana-dashboards":
        assert found.kibana.url == "https://kibana:5601"
        assert found.kibana.password.get_secret_value() == held(secrets, "veille/kibana-password")
    if name == "veille-web":
        assert found.web.login_needed()
    if name == "veille-webhooks":
        assert len(held(secrets, "veille/webhook-secret")) >= SHORTEST_SECRET


def held(secrets: Path, name: str) -> str:
    return (secrets / name).read_text("utf-8").strip()


def test_kibana_has_keys_to_encrypt_the_secrets_of_rules_with(secrets: Path) -> None:
    assert "/run/secrets/kibana.yml" in SERVICES["kibana"]["command"]
    told = yaml.safe_load(held(secrets, "kibana/kibana.yml"))
    keys = [value for name, value in told.items() if name.endswith(".encryptionKey")]
    assert "xpack.encryptedSavedObjects.encryptionKey" in told
    assert len(set(keys)) == len(keys) == 3
    assert min(map(len, keys)) >= 32


def test_three_brokers_keep_three_copies_and_two_workers_share_them() -> None:
    voters = set()
    for number, broker in enumerate(BROKERS, 1):
        told = environment(broker)
        assert told["KAFKA_NODE_ID"] == str(number)
        assert told["KAFKA_ADVERTISED_LISTENERS"] == f"VEILLE://{broker}:9092"
        assert told["KAFKA_SSL_KEYSTORE_LOCATION"].endswith(f"/{broker}.pem")
        assert told["KAFKA_MIN_INSYNC_REPLICAS"] == "2"
        assert told["KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"] == "3"
        assert "PLAINTEXT" not in str(told)
        voters.add(told["KAFKA_CONTROLLER_QUORUM_VOTERS"])
    assert voters == {",".join(f"{n}@{broker}:9093" for n, broker in enumerate(BROKERS, 1))}
    data = [next(v for v in SERVICES[b]["volumes"] if v.endswith("/data")) for b in BROKERS]
    assert len(set(data)) == 3
    worker = environment("veille-worker")
    assert worker["VEILLE_KAFKA__REPLICATION"] == "3"
    assert SERVICES["veille-worker"]["deploy"] == {"replicas": 2}
    assert int(worker["VEILLE_KAFKA__PARTITIONS"]) % 2 == 0


def test_secrets_are_their_reader_s_alone_and_certificates_name_their_servers(
    secrets: Path,
) -> None:
    for path in secrets.glob("*/*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o400, path
    assert stat.S_IMODE((secrets / "ca.key").stat().st_mode) == 0o600
    wanted = {"proxy/web": "veille.example.org", "elasticsearch/node": "elasticsearch"}
    wanted |= {"kibana/node": "kibana"} | {f"kafka/{broker}": broker for broker in BROKERS}
    for name, host in wanted.items():
        verify = ["openssl", "verify", "-CAfile", str(secrets / "ca.crt"), "-verify_hostname"]
        subprocess.run([*verify, host, str(secrets / f"{name}.crt")], check=True)
