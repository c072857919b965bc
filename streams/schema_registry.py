"""A client of the REST API that Confluent's Schema Registry, Apicurio and Karapace share."""

import json
from collections.abc import Mapping
from typing import Any, Final

import httpx
import msgspec

from connectors.kafka import ssl_context
from connectors.text import line
from streams.errors import ConfigError, VeilleError
from streams.settings import Kafka

_TYPE: Final = "application/vnd.schemaregistry.v1+json"
_SECONDS: Final = 10.0


class _Registered(msgspec.Struct):
    id: int


async def register(kafka: Kafka, schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """The id of each schema, by its subject; what the registry has already keeps its id.

    Raises `ConfigError` where the registry refuses, `VeilleError` where it does not answer.
    """
    password = kafka.schema_registry_password.get_secret_value()
    login = (kafka.schema_registry_username, password)
    async with httpx.AsyncClient(
        auth=login if kafka.schema_registry_username else None,
        verify=ssl_context(str(kafka.ca_file) if kafka.ca_file else None),
        timeout=_SECONDS,
        follow_redirects=False,
    ) as client:
        url = kafka.schema_registry_url.rstrip("/")
        return {
            subject: await _register(client, url, subject, schema)
            for subject, schema in schemas.items()
        }


async def _register(
    client: httpx.AsyncClient, url: str, subject: str, schema: Mapping[str, Any]
) -> int:
    try:
        answer = await client.post(
            f"{url}/subjects/{subject}/versions",
            content=json.dumps({"schemaType": "AVRO", "schema": json.dumps(schema)}),
            headers={"content-type": _TYPE, "accept": f"{_TYPE}, application/json"},
        )
    except httpx.HTTPError as error:
        said = line(str(error), limit=200) or type(error).__name__
        raise VeilleError(
            f"{url}: the schema registry does not answer: {said}. Remedy: start it, or take "
            "kafka.schema_registry_url out of the settings"
        ) from error
    if answer.status_code >= 500 or answer.status_code == 429:
        raise VeilleError(
            f"{url}: the schema registry answered {answer.status_code}: {_said(answer)}. Remedy: "
            "see to it, then start again"
        )
    if answer.status_code != 200:
        raise ConfigError(
            f"{url}: the schema registry refused {subject} ({answer.status_code}): "
            f"{_said(answer)}. Remedy: {_remedy(answer.status_code)}"
        )
    try:
        return msgspec.json.decode(answer.content, type=_Registered).id
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"{url}: what answers is no schema registry: {error}. Remedy: correct "
            "kafka.schema_registry_url"
        ) from error


def _remedy(status: int) -> str:
    if status in (401, 403):
        return "correct kafka.schema_registry_username and _password, or give that user the right"
    if status == 409:
        return "another schema has that subject: choose another kafka.prefix, or remove the subject"
    return "correct kafka.schema_registry_url"


def _said(answer: httpx.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        told = None
    message = told.get("message") if isinstance(told, dict) else None
    return line(str(message or answer.text), limit=300) or "nothing"
