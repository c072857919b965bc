"""The real servers as fixtures, once a session: skipped with a reason, required under CI=true."""

import os
from collections.abc import Iterator

import pytest

from streams.memory_broker import MemoryBroker
from tests.support import fetch
from tests.support.servers import Elasticsearch, Kafka


def pytest_addoption(parser: pytest.Parser) -> None:
    """How hard the fault suite tries: `make faults SEEDS=5`, `make soak ARGS=--posts=1000000`."""
    parser.addoption("--seeds", type=int, default=1, help="random moments tried by a fault test")
    parser.addoption("--posts", type=int, default=20_000, help="posts sent by the soak test")


def require_servers() -> None:
    """Skip where the real servers can't run; fail instead under `CI=true`."""
    require("the real servers", fetch.missing())


def require(what: str, reason: str) -> None:
    """Skip where there is a reason why something is missing; fail instead under `CI=true`."""
    if not reason:
        return
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"CI needs {what}: {reason}", pytrace=False)
    pytest.skip(f"needs {what}: {reason}")


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """A real Kafka broker; a test that breaks it heals it."""
    require_servers()
    with Kafka(brief=True) as server:
        yield server


@pytest.fixture(scope="session")
def elasticsearch() -> Iterator[Elasticsearch]:
    """A real Elasticsearch; a test that breaks it heals it."""
    require_servers()
    with Elasticsearch(brief=True) as server:
        yield server


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker_address(request: pytest.FixtureRequest) -> Iterator[str]:
    """`host:port` of the embedded broker, then of a real one."""
    if request.param == "kafka":
        server: Kafka = request.getfixturevalue("kafka")
        yield server.address
        return
    with MemoryBroker() as broker:
        yield broker.address
