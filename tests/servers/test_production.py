"""What docker-compose.production.yml tells Kafka, told to a real broker, with the secrets that its
script makes: Veille reads and writes there, and nobody does without the password."""

import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from connectors.kafka import acknowledged
from streams.broker import Topics, ensure_topics, librdkafka_config, started_producer
from streams.errors import BrokerUnavailable
from streams.headers import new_sender
from streams.settings import Kafka as KafkaSettings
from tests.docs import compose
from tests.docs.tree import ROOT
from tests.support.servers import Kafka, free_port

ENVIRONMENT = compose.merged("docker-compose.yml", "docker-compose.production.yml")["services"][
    "kafka"
]["environment"]
pytestmark = [pytest.mark.kafka]

OURS = re.compile(r"KAFKA_(?!HEAP_OPTS|OPTS)(\w+)")


class Broker(Kafka):
    """The first of the three, alone: as the image turns its environment into properties."""

    def __init__(self, secrets: Path) -> None:
        super().__init__()
        self._secrets = secrets
        self._controller = free_port()

    def _prepare(self) -> None:
        told = {
            found[1].lower().replace("_", "."): self._here(str(value))
            for key, value in ENVIRONMENT.items()
            if (found := OURS.fullmatch(key))
        }
        told |= {key: "1" for key in told if key.endswith((".factor", ".isr", ".replicas"))}
        lines = "".join(f"{key}={value}\n" for key, value in told.items())
        (self.dir / "server.properties").write_text(lines)
        (self.dir / "log4j2.properties").write_text("rootLogger.level=WARN\n")
        config = str(self.dir / "server.properties")
        command = [*self._java("-Xmx128m"), "kafka.tools.StorageTool", "format", "-c", config]
        subprocess.run([*command, "-t", uuid.uuid4().hex[:22]], check=True, capture_output=True)

    def _here(self, value: str) -> str:
        value = value.replace("/etc/kafka/secrets", str(self._secrets / "kafka"))
        value = value.replace("/var/lib/kafka/data", str(self.dir / "data"))
        value = re.sub(r",\d@kafka-\d:9093", "", value).replace("@kafka:", "@localhost:")
        value = value.replace("//kafka:", "//localhost:")
        return value.replace(":9092", f":{self.port}").replace(":9093", f":{self._controller}")

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        java, *rest = self._java("-Xmx256m")
        program = ["kafka.Kafka", str(self.dir / "server.properties")]
        return subprocess.Popen(
            [java, self._here(ENVIRONMENT["KAFKA_OPTS"]), *rest, *program],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def _answers(self) -> bool:
        password = (self._secrets / "veille" / "kafka-password").read_text("utf-8").strip()
        config = librdkafka_config(settings(self, self._secrets, password))
        try:
            return bool(AdminClient({**config, "log_level": 0}).list_topics(timeout=2).brokers)
        except KafkaException:
            return False


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("openssl"):
        pytest.skip("openssl is missing: apt-get install openssl")
    folder = tmp_path_factory.mktemp("secrets")
    script = ROOT / "config" / "production" / "secrets.sh"
    subprocess.run(["sh", str(script), "h", str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def broker(secrets: Path) -> Iterator[Broker]:
    with Broker(secrets) as running:
        yield running


def settings(broker: Broker, secrets: Path, password: str) -> KafkaSettings:
    return KafkaSettings(
        bootstrap_servers=f"localhost:{broker.port}",
        security_protocol="SASL_SSL",
        sasl_mechanism="PLAIN",
        username="veille",
        password=password,
        ca_file=secrets / "veille" / "ca.crt",
    )


async def test_veille_makes_its_topics_and_writes(broker: Broker, secrets: Path) -> None:
    password = (secrets / "veille" / "kafka-password").read_text("utf-8").strip()
    kafka = settings(broker, secrets, password)
    await ensure_topics(kafka)
    producer = await started_producer(kafka)
    try:
        sender = new_sender(producer, kafka)
        await acknowledged(await sender.send(Topics.of("veille").posts, [(b"k", b"{}")]))
    finally:
        await producer.stop()


async def test_a_wrong_password_gets_nothing(broker: Broker, secrets: Path) -> None:
    with pytest.raises(BrokerUnavailable):
        await ensure_topics(settings(broker, secrets, "wrong"))
