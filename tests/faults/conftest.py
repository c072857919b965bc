"""Fixtures of the fault suite: an installation on the real servers, or embedded, and seeds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.arena import Arena
from tests.support.fixtures import require_servers
from tests.support.servers import Elasticsearch, Kafka


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `seed` runs once for each seed: `--seeds`, one by default."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(1, 1 + metafunc.config.getoption("seeds")))


@pytest.fixture
def posts_asked(request: pytest.FixtureRequest) -> int:
    """How many posts the soak test is to send: `--posts`."""
    asked: int = request.config.getoption("posts")
    return asked


@pytest.fixture
def arena(kafka: Kafka, elasticsearch: Elasticsearch, tmp_path: Path) -> Arena:
    """On the shared servers; a test that breaks one heals it."""
    return Arena.make(tmp_path, kafka=kafka.address, elasticsearch=elasticsearch.url)


@pytest.fixture
def kafka_arena(kafka: Kafka, tmp_path: Path) -> Arena:
    """On the shared Kafka, with SQLite as the store: where Elasticsearch has no part in it."""
    return Arena.make(tmp_path, kafka=kafka.address)


@pytest.fixture
def embedded(tmp_path: Path) -> Arena:
    """Broker in memory and SQLite: Python and nothing else."""
    return Arena.make(tmp_path)


@pytest.fixture
def own_kafka() -> Iterator[Kafka]:
    """A broker of the test's own, to be broken in ways that others would notice."""
    require_servers()
    with Kafka(brief=True) as server:
        yield server
