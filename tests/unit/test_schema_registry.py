"""Schemas are registered at a local server; each way it may refuse names the remedy."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr, ValidationError

from streams.avro_copy import open_writers
from streams.errors import ConfigError, VeilleError
from streams.records import Mention, Retraction
from streams.settings import Kafka
from tests.support.registry_server import RegistryServer, registry_server
from tests.support.servers import free_port


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with registry_server() as server:
        yield server


def kafka(url: str, password: str = "") -> Kafka:
    return Kafka(
        bootstrap_servers="kafka:9092",
        schema_registry_url=url,
        schema_registry_username="veille" if password else "",
        schema_registry_password=SecretStr(password),
    )


async def test_schemas_are_registered_once_each(registry: RegistryServer) -> None:
    registry.login = ("veille", "secret")
    for _ in range(2):
        assert (await open_writers(kafka(f"{registry.url}/", "secret"))).keys() == {
            Mention,
            Retraction,
        }
    assert sorted(registry.subjects) == [
        "veille.mentions-avro-veille.Mention",
        "veille.mentions-avro-veille.Retraction",
    ]
    assert len(registry.schemas) == 2


async def test_without_a_registry_there_is_no_copy() -> None:
    assert await open_writers(Kafka(bootstrap_servers="kafka:9092")) == {}


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b'{"message":"Unauthorized"}', r"\(401\): Unauthorized\. Remedy: correct .*username"),
        (403, b"", r"\(403\): nothing\. Remedy: .* give that user the right"),
        (
            409,
            b'{"error_code":409,"message":"incompatible"}',
            r"incompatible\. Remedy: another",
        ),
        (404, b"<html>", r"\(404\): <html>\. Remedy: correct kafka\.schema_registry_url"),
        (302, b"", r"\(302\)"),
        (200, b"<html>", "is no schema registry"),
        (200, b'{"id":"x"}', "is no schema registry"),
    ],
)
async def test_a_refusal_names_place_and_remedy(
    registry: RegistryServer, status: int, body: bytes, said: str
) -> None:
    registry.answers = [(status, body)]
    with pytest.raises(ConfigError, match=said) as raised:
        await open_writers(kafka(registry.url))
    assert str(raised.value).startswith(registry.url)


async def test_a_registry_that_is_away_is_no_wrong_setting(registry: RegistryServer) -> None:
    registry.answers = [(503, b"starting")]
    with pytest.raises(VeilleError, match=r"answered 503: starting\. Remedy") as raised:
        await open_writers(kafka(registry.url))
    assert not isinstance(raised.value, ConfigError)
    with pytest.raises(VeilleError, match="does not answer") as raised:
        await open_writers(kafka(f"http://127.0.0.1:{free_port()}"))
    assert not isinstance(raised.value, ConfigError)


def test_the_embedded_broker_has_no_copy() -> None:
    with pytest.raises(ValidationError, match="needs a Kafka of yours"):
        Kafka(schema_registry_url="http://127.0.0.1:8081")
