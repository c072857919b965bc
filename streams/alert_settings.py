"""Settings of what is sent when: channels, routes, quiet hours, escalation, digests.

`streams.settings.Alerts` is built on `Delivery`, so they all stand under `alerts.`
"""

import re
from datetime import time
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

Severity = Literal["low", "medium", "high", "critical"]
Sensitivity = Literal["low", "normal", "high"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: Final[tuple[Weekday, ...]] = (
    *("monday", "tuesday", "wednesday", "thursday"),
    *("friday", "saturday", "sunday"),
)

ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_VARIABLE: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no such time zone: {name!r}; write Europe/Paris or UTC") from None
    return name


def _clock(value: Any) -> Any:
    """YAML reads a bare 22:00 as 22 sixties."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60:
        return f"{value // 60:02}:{value % 60:02}"
    if isinstance(value, str) and not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", value):
        raise ValueError(f"no time of day: {value!r}; write 22:00")
    return value


Zone = Annotated[str, AfterValidator(_zone)]
Clock = Annotated[str, BeforeValidator(_clock)]


def clock(value: str) -> time:
    """`22:00` as a time of day."""
    hour, minute = value.split(":")
    return time(int(hour), int(minute))


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Channel(_Section):
    """One way to reach people: a service that Apprise knows, or a signed webhook.

    Addresses of services hold passwords, so they come from environment or file alone.
    """

    section: ClassVar[str] = "alerts.channels"

    id: str = Field(description="Your name for it.", pattern=ID)
    url_env: str = Field(
        "", description="Variable that holds the service's address (`mailtos://…`, `slack://…`)."
    )
    url_file: str = Field("", description="File that holds it, instead.")
    webhook: str = Field("", description="Address that gets signed JSON by POST, instead.")
    webhook_env: str = Field("", description="Variable that holds the webhook's address.")
    secret_env: str = Field("", description="Variable that holds the webhook's secret.")
    secret_file: str = Field("", description="File that holds the webhook's secret.")
    language: Literal["en", "fr", "ru"] | None = Field(
        None, description="Language of its messages; that of `alerts` unless set."
    )
    zone: Zone | None = Field(None, description="Time zone of its messages, as above.")

    @model_validator(mode="before")
    @classmethod
    def _no_address_here(cls, given: Any) -> Any:
        for name in ("url", "secret"):
            if isinstance(given, dict) and name in given:
                raise ValueError(
                    f"`{name}` holds a password and must not stand in this file; put it into a"
                    f" variable and write `{name}_env: ITS_NAME`, or `{name}_file: PATH`"
                )
        return given

    @field_validator("url_env", "webhook_env", "secret_env")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if value and not re.fullmatch(_VARIABLE, value):
            raise ValueError("is the name of an environment variable, not the address itself")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [self.url_env, self.url_file, self.webhook, self.webhook_env]
        if sum(map(bool, ways)) != 1:
            raise ValueError(
                f"channel {self.id!r} needs one of url_env, url_file, webhook, webhook_env"
            )
        if self.is_webhook and bool(self.secret_env) == bool(self.secret_file):
            raise ValueError(f"webhook {self.id!r} needs one of secret_env, secret_file")
        return self

    @property
    def is_webhook(self) -> bool:
        return bool(self.webhook or self.webhook_env)


class Route(_Section):
    """Which incidents go where. Every route that fits counts."""

    topics: list[str] = Field(["*"], description="Ids of topics; `*` stands for any letters.")
    kinds: list[str] = Field([], description="Kinds of incidents; empty: any.")
    min_severity: Severity = Field("low", description="The least that goes this way.")
    channels: list[str] = Field(description="Where to.", min_length=1)


class QuietHours(_Section):
    """When people sleep: what comes then waits, and comes as one message afterwards."""

    since: Clock = Field(alias="from", description="Start, by the clock of `zone`.")
    until: Clock = Field(alias="to", description="End; before the start: on the next day.")
    zone: Zone | None = Field(None, description="Time zone; that of `alerts` unless set.")
    days: list[Weekday] = Field([], description="Days on which they start; empty: every day.")
    exempt: Severity | Literal["none"] = Field(
        "critical", alias="except", description="From this severity on nothing waits."
    )


class Escalation(_Section):
    """Who is told when nobody acknowledges."""

    after_minutes: int = Field(ge=1, le=7 * 24 * 60, description="So long after it was sent.")
    channels: list[str] = Field(description="Where to.", min_length=1)
    topics: list[str] = Field(["*"], description="Ids of topics; `*` stands for any letters.")
    min_severity: Severity = Field("high", description="The least that is escalated.")


class Digest(_Section):
    """A summary by schedule."""

    every: Literal["day", "week"] = Field("day", description="How often.")
    at: Clock = Field("08:00", description="When, by the clock of `zone`.")
    weekday: Weekday = Field("monday", description="On which day, for a week's.")
    zone: Zone | None = Field(None, description="Time zone; that of `alerts` unless set.")
    channels: list[str] = Field(description="Where to; mail shows it best.", min_length=1)
    topics: list[str] = Field(["*"], description="Ids of topics; `*` stands for any letters.")


class Delivery(_Section):
    """How incidents reach people."""

    language: Literal["en", "fr", "ru"] = Field("en", description="Language of messages.")
    zone: Zone = Field("UTC", description="Time zone of messages and schedules.")
    channels: list[Channel] = Field([], description="Ways to reach people.")
    routes: list[Route] = Field(
        [], description="Which incidents go where; without any, all go everywhere."
    )
    quiet_hours: QuietHours | None = Field(None, description="When messages wait.")
    escalation: list[Escalation] = Field([], description="Who is told when nobody acknowledges.")
    digest: list[Digest] = Field([], description="Summaries by schedule.")

    @model_validator(mode="after")
    def _channels_exist(self) -> Self:
        ids = [channel.id for channel in self.channels]
        if twice := next((each for each in ids if ids.count(each) > 1), None):
            raise ValueError(f"two channels have the id {twice!r}: name them apart")
        named = [(f"routes[{n}]", each.channels) for n, each in enumerate(self.routes)]
        named += [(f"escalation[{n}]", each.channels) for n, each in enumerate(self.escalation)]
        named += [(f"digest[{n}]", each.channels) for n, each in enumerate(self.digest)]
        for name, channels in named:
            if unknown := next((each for each in channels if each not in ids), None):
                known = ", ".join(ids) or "none"
                raise ValueError(
                    f"{name} names the channel {unknown!r}, which is not among `channels` ({known})"
                )
        return self
