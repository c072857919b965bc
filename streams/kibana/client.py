"""Kibana over HTTP: its version, and the import of saved objects.

Kibana answers 200 to an import of which every object failed: the errors are in the answer.
"""

import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import httpx
import msgspec

from streams.errors import ConfigError, VeilleError
from streams.kibana.export import ndjson
from streams.kibana.objects import SavedObject
from streams.settings import Kibana as KibanaSettings

OLDEST: Final = (8, 19)
_NEXT_MAJOR: Final = 10
_SPACE: Final = re.compile(r"[a-z0-9_-]{0,200}")


class KibanaError(VeilleError):
    """Kibana can't be used as it is, or refuses; the message names place and remedy."""


class Failure(msgspec.Struct, frozen=True):
    """An object that Kibana did not take."""

    type: str
    id: str
    title: str
    reason: str


class Imported(msgspec.Struct, frozen=True):
    """What came of an import."""

    count: int
    failures: list[Failure] = []


class Presence(NamedTuple):
    """Whether Kibana has an object already."""

    object: SavedObject
    there: bool


class Kibana:
    """One space of a Kibana."""

    def __init__(self, http: httpx.Client, url: str, space: str = "") -> None:
        self._http = http
        self.url = url.rstrip("/")
        self._root = self.url + (f"/s/{space}" if space not in ("", "default") else "")
        self._space = space or "default"

    def check(self) -> str:
        """Its version. Raises `KibanaError` for one that Veille's objects are not made for."""
        told = self.ask("GET", "/api/status")
        version = told.get("version", {}).get("number") if isinstance(told, dict) else None
        if not isinstance(version, str):
            raise KibanaError(
                f"{self.url}: does not tell its version. Remedy: check the address; Kibana tells "
                "it to whoever is logged in: give kibana.api_key, or kibana.username and password"
            )
        numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
        if not OLDEST <= numbers < (_NEXT_MAJOR,):
            raise KibanaError(
                f"{self.url}: Kibana {version}; these objects are for 8.19 up to 9.x. "
                "Remedy: upgrade Kibana, or Veille where Kibana is newer"
            )
        return version

    def take(self, objects: Sequence[SavedObject], *, overwrite: bool) -> Imported:
        """Import objects; those that are there already stay as they are unless `overwrite`.

        Raises `KibanaError` where Kibana refuses the whole.
        """
        answer = self.ask(
            "POST",
            "/api/saved_objects/_import",
            params={"overwrite": str(overwrite).lower()},
            files={"file": ("veille.ndjson", ndjson(list(objects)), "application/ndjson")},
        )
        if not isinstance(answer, dict) or "successCount" not in answer:
            raise KibanaError(f"{self.url}: not the answer of an import. Remedy: check the address")
        failures = [_failure(error) for error in answer.get("errors", [])]
        return Imported(int(answer["successCount"]), failures)

    def look(self, objects: Sequence[SavedObject]) -> list[Presence]:
        """Which objects are there; changes nothing."""
        wanted = [{"type": one["type"], "id": one["id"]} for one in objects]
        response = self._send(
            "POST",
            "/api/saved_objects/_export",
            json={"objects": wanted, "excludeExportDetails": True},
        )
        missing = self._missing(response) if response.status_code == 400 else set()
        if not missing:
            self._refuse(response)
        return [Presence(one, (one["type"], one["id"]) not in missing) for one in objects]

    def export(self, wanted: dict[str, Any]) -> list[SavedObject]:
        """What `type` and `hasReference` of `wanted` find. Raises `KibanaError`."""
        body = wanted | {"excludeExportDetails": True}
        response = self._send("POST", "/api/saved_objects/_export", json=body)
        self._refuse(response)
        try:
            return [msgspec.json.decode(line) for line in response.content.splitlines() if line]
        except msgspec.DecodeError:
            raise KibanaError(
                f"{self.url}: not the answer of an export. Remedy: check the address"
            ) from None

    def _missing(self, response: httpx.Response) -> set[tuple[str, str]]:
        """What an export did not find. Raises `KibanaError` for what it may not read."""
        missing = set()
        for one in _json(response).get("attributes", {}).get("objects", []):
            error = one.get("error", {})
            if error.get("statusCode") != 404:
                raise KibanaError(
                    f"{self.url}: {one['type']} {one['id']}: {error.get('message', 'refused')}. "
                    f"Remedy: {_remedy(403, self._space)}"
                )
            missing.add((one["type"], one["id"]))
        return missing

    def ask(self, method: str, path: str, **content: Any) -> Any:
        """The JSON that Kibana answers, None where it has nothing to say. Raises `KibanaError` for
        every other answer."""
        response = self._send(method, path, **content)
        self._refuse(response)
        if response.status_code == 204:
            return None
        try:
            return response.json()
        except ValueError:
            raise KibanaError(
                f"{self._root}{path}: no JSON comes back. Remedy: give Kibana's own address, with "
                "its base path"
            ) from None

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            return self._http.request(
                method, self._root + path, headers={"kbn-xsrf": "veille"}, **content
            )
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            why = str(error) or type(error).__name__
            raise KibanaError(
                f"{self.url}: Kibana does not answer: {why}. Remedy: check kibana.url, and that "
                "it runs; kibana.ca_file for a certificate of your own"
            ) from None

    def _refuse(self, response: httpx.Response) -> None:
        status = response.status_code
        if status < 300:
            return
        said = str(_json(response).get("message", "")) or response.text
        raise KibanaError(
            f"{response.request.method} {response.request.url}: Kibana answers {status}: "
            f"{' '.join(said.split())[:500]}. Remedy: {_remedy(status, self._space, said)}"
        )


@contextmanager
def opened(settings: KibanaSettings) -> Iterator[Kibana]:
    """A client for the settings. Raises `ConfigError` for an address or a space that is none."""
    if not settings.url:
        raise ConfigError("kibana.url is empty. Remedy: --url http://127.0.0.1:5601")
    if not _SPACE.fullmatch(settings.space):
        raise ConfigError(
            f"kibana.space {settings.space!r}: not the name of a space. Remedy: as its address "
            "has it after /s/: lower-case letters, digits, '-' and '_'"
        )
    headers, login = {}, None
    if settings.api_key.get_secret_value():
        headers["Authorization"] = f"ApiKey {settings.api_key.get_secret_value()}"
    elif settings.username:
        login = (settings.username, settings.password.get_secret_value())
    try:
        trust = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:  # an SSLError is one
        raise ConfigError(
            f"kibana.ca_file {settings.ca_file}: {error}. Remedy: give a PEM file of certificates"
        ) from None
    with httpx.Client(
        headers=headers,
        auth=login,
        verify=trust,
        timeout=settings.timeout_seconds,
        trust_env=False,
    ) as http:
        yield Kibana(http, settings.url, settings.space)


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _failure(error: dict[str, Any]) -> Failure:
    told = error.get("error", {})
    kind = told.get("type", "unknown")
    if kind in ("conflict", "ambiguous_conflict"):
        reason = "is there already. Remedy: --overwrite"
    elif kind == "missing_references":
        names = ", ".join(f"{one['type']} {one['id']}" for one in told.get("references", []))
        reason = f"needs {names}, which is not there. Remedy: import all of Veille's objects"
    elif kind == "unsupported_type":
        reason = "of a type that this Kibana does not have. Remedy: turn the feature on"
    else:
        reason = f"{told.get('message', kind)} ({told.get('statusCode', 'no status')})"
    title = error.get("meta", {}).get("title") or error.get("title") or ""
    return Failure(str(error.get("type")), str(error.get("id")), str(title), reason)


def _remedy(status: int, space: str, said: str = "") -> str:
    for word, remedy in _BY_WORD.items():
        if word in said.lower():
            return remedy
    if status >= 500:
        return "look into Kibana's log, and try again once it is up"
    if 300 <= status < 400:
        return "give the address that it leads to; redirects are not followed"
    return _REMEDIES.get(status, "check the address").format(space=space)


_BY_WORD: Final = {
    "encryption key": "set xpack.encryptedSavedObjects.encryptionKey in kibana.yml",
    "license": "raise the licence, or do without: unset the variables of that connector",
}
"""What Kibana says of what it lacks, whatever the status."""
_REMEDIES: Final = {
    401: "give kibana.api_key, or kibana.username and kibana.password, that are right",
    403: "give the user the right to manage saved objects (for rules: rules and connectors) in the "
    "space {space}",
    404: "check the address and the space {space}: is it there?",
    413: "raise savedObjects.maxImportPayloadBytes in kibana.yml",
}
