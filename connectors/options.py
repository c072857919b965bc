"""A connector's settings, read once with errors that name setting, value and remedy.

Values may be of their YAML type or text (`--set urls=A,B` gives text).
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from connectors.base import Context, Option, Spec
from connectors.errors import BadSettings
from connectors.searches import Packed, Render, pack

BASE_URL: Final = Option("base_url", "Address used instead of the source's own (proxy, test).", "")
CONTACT: Final = Option(
    "contact", "Web page or mail address that the User-Agent names, so that operators can ask.", ""
)
TIMEOUT: Final = Option("timeout", "Seconds that one request may take, its body included.", 60)
QUERIES: Final = Option(
    "queries",
    "What to search for, in the source's own language; left out, what the topics ask for.",
    (),
)
LISTEN: Final = Option(
    "listen", "Address and port of this machine that deliveries come to.", "127.0.0.1:8431"
)
PATH: Final = Option("path", "Path that deliveries come to; left out, /hooks/ and the source.", "")
SECRET: Final = Option("secret", "What the sender signs its deliveries with.", "", secret=True)
_SWITCHES: Final = {"yes": True, "true": True, "no": False, "false": False}


class Options:
    """The settings of one source, checked against its `Spec`.

    Raises `BadSettings` for a setting that does not exist, with the nearest that does.
    """

    def __init__(self, spec: Spec, values: Mapping[str, Any]) -> None:
        self._spec = spec
        self._known = {option.name: option for option in spec.options}
        self._values = values = self._with_secrets(values)
        for name in values:
            if name not in self._known:
                raise self._unknown(str(name))
        for option in spec.options:
            if option.required and values.get(option.name) in (None, "", [], ()):
                raise BadSettings(f"{spec.name}: set '{option.name}': {option.help}")

    @property
    def source(self) -> str:
        """The name of the connector whose settings these are."""
        return self._spec.name

    def _with_secrets(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """`token_env` names a variable that holds the secret `token`, `token_file` a file."""
        found = dict(values)
        for option in self._spec.options:
            ways = [way for way in (f"{option.name}_env", f"{option.name}_file") if way in found]
            if not option.secret or not ways:
                continue
            if len(ways) > 1 or found.get(option.name):
                raise BadSettings(
                    f"{self._spec.name}: '{option.name}' is set twice. Remedy: keep one of"
                    f" {', '.join([option.name, *ways])}"
                )
            place = str(found.pop(ways[0]))
            read = _variable if ways[0].endswith("_env") else _file
            found[option.name] = read(f"{self._spec.name}: '{ways[0]}'", place)
        return found

    def text(self, name: str) -> str:
        """A single piece of text, without the blanks around it."""
        value = self._raw(name)
        if isinstance(value, str):
            return self._printable(name, value.strip())
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise self._bad(name, value, "give one piece of text")

    def header(self, name: str) -> str:
        """As `text`, for what goes into an HTTP header: ASCII."""
        value = self.text(name)
        if not value.isascii():
            raise self._bad(name, value, "use ASCII characters: it goes into an HTTP header")
        return value

    def choice(self, name: str, among: Sequence[str]) -> str:
        value = self.text(name)
        if value not in among:
            raise self._bad(name, value, f"choose one of {', '.join(among)}")
        return value

    def switch(self, name: str) -> bool:
        """Yes or no. YAML makes a truth value of an unquoted `yes`; `--set` gives text."""
        value = self._raw(name)
        said = _SWITCHES.get(value.strip().lower()) if isinstance(value, str) else value
        if not isinstance(said, bool):
            raise self._bad(name, value, "say yes or no")
        return said

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self._raw(name)
        remedy = f"give a whole number from {low} to {high}"
        try:
            number = int(value) if isinstance(value, str | int) else None
        except ValueError:
            number = None
        if number is None or isinstance(value, bool) or not low <= number <= high:
            raise self._bad(name, value, remedy)
        return number

    def seconds(self, name: str, low: float, high: float) -> float:
        """A number of seconds from `low` to `high`."""
        return self.number(name, low, high, of="seconds")

    def number(self, name: str, low: float, high: float, *, of: str = "") -> float:
        """A number, broken or not, from `low` to `high`."""
        value = self._raw(name)
        try:
            number = float(value) if isinstance(value, str | int | float) else None
        except (ValueError, OverflowError):
            number = None
        if number is None or isinstance(value, bool) or not low <= number <= high:
            unit = f" of {of}" if of else ""
            raise self._bad(name, value, f"give a number{unit} from {low:g} to {high:g}")
        return number

    def many(self, name: str) -> list[str]:
        """A list of texts and whole numbers, or text with commas between; blanks and repeats go.

        A number alone is a list of one: `--set groups=470` gives a number."""
        value = self._raw(name)
        alone = isinstance(value, int) and not isinstance(value, bool)
        parts = value.split(",") if isinstance(value, str) else [value] if alone else value
        if not isinstance(parts, list | tuple):
            raise self._bad(name, value, "give a list, or text with commas between")
        for part in parts:
            if not isinstance(part, str | int) or isinstance(part, bool):
                raise self._bad(name, part, "each entry must be text")
        cleaned = (self._printable(name, str(part).strip()) for part in parts)
        return list(dict.fromkeys(part for part in cleaned if part))

    def numbers(self, name: str, *, prefix: str = "") -> list[str]:
        """Ids that are numbers, as digits: one, a list, or text with commas between. `prefix` may
        stand before each, and goes."""
        value = self._raw(name)
        parts = value.split(",") if isinstance(value, str) else value
        each = parts if isinstance(parts, list | tuple) else [parts]
        found = [str(part).strip().removeprefix(prefix) for part in each if part != ""]
        if any(isinstance(part, bool) for part in each) or not all(map(_is_digits, found)):
            raise self._bad(name, value, "give numbers, with commas between")
        return list(dict.fromkeys(found))

    def pairs(self, name: str) -> dict[str, Any]:
        """A mapping, or its short form `field=column,field=column` of the command line."""
        given = self._raw(name) or {}
        if isinstance(given, str):
            pairs = dict(pair.split("=", 1) for pair in given.split(",") if "=" in pair)
            given = pairs or given
        if not isinstance(given, dict):
            raise BadSettings(
                f"{self._spec.name}: {name}: expected `field: column`. "
                f"Remedy: {name}: {{text: body}}"
            )
        return {str(key).strip(): value for key, value in given.items()}

    def url(self, name: str, schemes: Sequence[str] = ("http", "https")) -> str:
        """A web address without a slash at its end; empty where not set."""
        value = self.text(name)
        return self.check_url(name, value, schemes).rstrip("/") if value else ""

    def server(self, name: str) -> str:
        """The web address of a server named by its host alone or whole, without a slash at its
        end."""
        value = self.text(name)
        whole = value if "://" in value else f"https://{value}"
        return self.check_url(name, whole).rstrip("/")

    def check_url(self, name: str, value: str, schemes: Sequence[str] = ("http", "https")) -> str:
        """`value` if it is a web address with a host. Raises `BadSettings`."""
        remedy = f"give a whole address such as {schemes[-1]}://example.org"
        try:
            parts = urlsplit(value)
            usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or any(character.isspace() for character in value):
            raise self._bad(name, _without_secrets(value), remedy)
        return value

    def address(self, name: str) -> tuple[str, int]:
        """An IP address (or localhost) and a port to listen on, as `host:port`."""
        value = self.text(name)
        host, _, port = value.rpartition(":")
        host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
        try:
            ip = str(ipaddress.ip_address(host))
            number = int(port)
        except ValueError:
            ip, number = "", -1
        if not ip or not 0 <= number < 65_536:
            raise self._bad(name, value, "give an IP address and a port, as in 127.0.0.1:8431")
        return ip, number

    def path(self, name: str, default: str) -> str:
        """The path of a web address; `default` where not set."""
        value = self.text(name) or default
        if not re.fullmatch(r"/[A-Za-z0-9._~/-]*", value):
            raise self._bad(name, value, "begin it with a slash; letters, digits and . _ ~ - /")
        return value

    def _raw(self, name: str) -> Any:  # a setting is whatever YAML gave
        value = self._values.get(name)
        return self._known[name].default if value is None else value

    def _printable(self, name: str, value: str) -> str:
        if not value.isprintable():
            raise self._bad(name, value, "take the control characters out")
        return value

    def _bad(self, name: str, value: object, remedy: str) -> BadSettings:
        shown = "(hidden)" if self._known[name].secret else f"{value!r:.120}"
        return BadSettings(f"{self._spec.name}: '{name}' is {shown}; {remedy}")

    def _unknown(self, name: str) -> BadSettings:
        near = difflib.get_close_matches(name, self._known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"it has: {', '.join(self._known)}"
        return BadSettings(f"{self._spec.name}: there is no setting '{name:.80}'; {hint}")


def searched(
    options: Options,
    context: Context,
    render: Render,
    most: int,
    *,
    most_terms: int | None = None,
) -> list[Packed]:
    """What to ask a source that has the option `QUERIES`: those, or what the topics ask for now.

    `render`, `most` and `most_terms` are as in `connectors.searches.pack`, and hold for searches
    of topics alone. Call it in each pass. Raises `BadSettings` where nothing is left to ask.
    """
    if named := options.many(QUERIES.name):
        return [Packed(query) for query in named]
    searches = context.searches()
    packed = pack(searches, render, most, most_terms=most_terms, on_note=context.on_note)
    if not packed:
        problem = "no topic can be searched for here" if searches else "no topic names a word"
        raise BadSettings(
            f"{options.source}: there is nothing to search for: '{QUERIES.name}' is empty, and "
            f"{problem}. Remedy: name {QUERIES.name}, or add a topic with a word or phrase "
            "(`veille topics searches` shows what is asked for)"
        )
    return packed


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _variable(setting: str, name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise BadSettings(f"{setting}: the variable {name:.80} is not set. Remedy: set it")
    return value


def _file(setting: str, path: str) -> str:
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise BadSettings(f"{setting}: {path:.200}: {why}. Remedy: a file of one line") from None
    if not value:
        raise BadSettings(f"{setting}: {path:.200} is empty. Remedy: a file of one line")
    return value


def _without_secrets(url: str) -> str:
    """The address as messages may show it: neither user, password nor query."""
    head = url.split("?", 1)[0].split("#", 1)[0]
    scheme, mark, rest = head.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}" if mark else head
