"""Lines of IRC with message tags (IRCv3), as Twitch sends them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_LINE: Final = re.compile(
    r"(?:@(?P<tags>[^ ]+) +)?(?::(?P<prefix>[^ ]+) +)?"
    r"(?P<command>[A-Z]+|[0-9]{3})(?P<rest>(?: .*)?)$",
    re.DOTALL,
)
_ESCAPES: Final = {":": ";", "s": " ", "\\": "\\", "r": "\r", "n": "\n"}
_ACTION: Final = "\x01ACTION "


@dataclass(frozen=True, slots=True)
class Message:
    """`params` includes what follows the colon, as the last."""

    command: str
    params: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    nick: str = ""

    def param(self, number: int) -> str:
        """A parameter, empty where there is none."""
        return self.params[number] if number < len(self.params) else ""


def parse(text: str) -> Message:
    """One line without its end. Raises `ValueError`."""
    found = _LINE.match(text)
    if found is None:
        raise ValueError(f"{text!r:.80} is no line of IRC")
    middle, colon, trailing = found["rest"].partition(" :")
    params = (*middle.split(), trailing) if colon else tuple(middle.split())
    nick = (found["prefix"] or "").partition("!")[0]
    return Message(found["command"], params, _tags(found["tags"] or ""), nick)


def spoken(text: str) -> str:
    """What was said, of a message that may be an action (`/me waves`)."""
    if text.startswith(_ACTION):
        return text.removeprefix(_ACTION).removesuffix("\x01")
    return text


def _tags(text: str) -> dict[str, str]:
    pairs = (one.partition("=") for one in text.split(";") if one)
    return {name: _unescaped(value) for name, _, value in pairs}


def _unescaped(value: str) -> str:
    """A backslash before any other character vanishes, as does one at the end."""
    if "\\" not in value:
        return value
    return re.sub(r"\\(.?)", lambda one: _ESCAPES.get(one[1], one[1]), value, flags=re.DOTALL)
