"""Every setting: a name, a default, a sentence. Read from `veille.yaml`, then from environment.

The environment wins (`VEILLE_KAFKA__BOOTSTRAP_SERVERS`, `VEILLE_STORE__URL`, …). Secrets are
`SecretStr`: they come from environment or file (`VEILLE_STORE__PASSWORD_FILE`) and are never
printed.
`docs/settings.md` is generated from this module.
"""

import ipaddress
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from streams import yaml_file
from streams.alert_settings import ID, Channel, Delivery, Sensitivity
from streams.errors import ConfigError
from streams.roles import Role
from streams.secret_files import with_files


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Kafka(_Section):
    """The broker. Without `bootstrap_servers` Veille runs its own, in memory."""

    bootstrap_servers: str = Field("", description="host:port,host:port of Kafka; empty: embedded.")
    in_memory: bool = Field(
        False,
        description="Whether that broker is Veille's own, in memory (set by `veille up`).",
    )
    prefix: str = Field("veille", description="Topics are named <prefix>.posts and so on.")
    group: str = Field("veille", description="Consumer group of the workers.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to the broker."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How to log in, with a SASL protocol."
    )
    username: str = Field("", description="User name, with a SASL protocol.")
    password: SecretStr = Field(SecretStr(""), description="Password, with a SASL protocol.")
    ca_file: Path | None = Field(
        None, description="Certificate authority of the broker, and of the schema registry."
    )
    partitions: int = Field(4, ge=1, le=1000, description="Partitions of topics Veille creates.")
    replication: int = Field(1, ge=1, le=10, description="Copies of topics Veille creates.")
    trace: bool = Field(
        False,
        description="Whether a record without a W3C `traceparent` gets a new one; one that comes "
        "with a record is always passed on.",
    )
    schema_registry_url: str = Field(
        "",
        description="https://host:8081 of a schema registry: mentions are also written as Avro, to "
        "<prefix>.mentions-avro. Empty: they are not.",
        pattern=r"^(https?://[^\s?#]+)?$",
    )
    schema_registry_username: str = Field("", description="User name for the schema registry.")
    schema_registry_password: SecretStr = Field(
        SecretStr(""), description="Password for the schema registry."
    )
    retention_hours: int = Field(168, ge=1, description="How long raw posts are kept in Kafka.")
    least_retention_hours: int = Field(
        24,
        ge=1,
        description="How long workers may be away: a topic that keeps its records for less is "
        "refused at the start.",
    )
    least_retention_bytes: int = Field(
        1_000_000_000,
        ge=0,
        description="Where a topic's size is limited, the least that a partition must hold.",
    )
    life: str = Field(
        "", description="Which of its lives the in-memory broker is in (set by `veille up`)."
    )

    @model_validator(mode="after")
    def _registry_of_a_broker(self) -> "Kafka":
        if self.schema_registry_url and (self.in_memory or not self.bootstrap_servers):
            raise ValueError("schema_registry_url needs a Kafka of yours: bootstrap_servers")
        return self


class Store(_Section):
    """Where mentions live. Without `url` it is SQLite in the data directory."""

    url: str = Field("", description="https://host:9200 of Elasticsearch; empty: SQLite.")
    username: str = Field("", description="User name for Elasticsearch.")
    password: SecretStr = Field(SecretStr(""), description="Password for Elasticsearch.")
    api_key: SecretStr = Field(SecretStr(""), description="API key, instead of name and password.")
    ca_file: Path | None = Field(None, description="Certificate authority of Elasticsearch.")
    prefix: str = Field("veille", description="Indices are named <prefix>-mentions-… and so on.")
    refresh_seconds: float = Field(1.0, gt=0, description="When a new mention becomes visible.")
    replicas: int = Field(0, ge=0, description="Copies of each shard.")
    timeout_seconds: float = Field(
        30.0, gt=0, le=600, description="How long one request to Elasticsearch may take."
    )
    snapshot_repository: str = Field(
        "",
        description="Repository of Elasticsearch that `veille store init` has snapshots written to "
        "each night, kept for 30 days; empty: none.",
        pattern=r"^[^\s/,*?\"<>|#]*$",
    )
    keep_mentions_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="How long mentions are kept, by their posts' dates; Elasticsearch drops whole "
        "months. 0: for ever.",
    )
    keep_health_days: int = Field(
        14, ge=1, le=3650, description="How long samples of health are kept in Elasticsearch."
    )
    keep_posts_days: int = Field(
        90,
        ge=0,
        le=3650,
        description="How long every post that came in is kept, whether it met a topic or not; 0: "
        "none are. With a Kafka of yours it is `kafka.retention_hours` that counts.",
    )
    keep_posts_mb: int = Field(
        2000,
        ge=0,
        le=10_000_000,
        description="Room that those may take in the data directory, in megabytes: the oldest "
        "leave first; 0: none are kept.",
    )


class Kibana(_Section):
    """Where `veille kibana` brings dashboards to (`docs/kibana.md`)."""

    url: str = Field("", description="http://host:5601 of Kibana, with its base path.")
    space: str = Field("", description="Which space; empty: the default one.")
    username: str = Field("", description="User name for Kibana.")
    password: SecretStr = Field(SecretStr(""), description="Password for Kibana.")
    api_key: SecretStr = Field(SecretStr(""), description="API key, instead of name and password.")
    ca_file: Path | None = Field(None, description="Certificate authority of Kibana.")
    timeout_seconds: float = Field(
        60.0, gt=0, le=600, description="How long one request to Kibana may take."
    )


class Oidc(_Section):
    """Logging in by OpenID Connect (`docs/users.md`)."""

    issuer: str = Field(
        description="Address of the issuer, such as https://login.example.org/realms/staff.",
        pattern=r"^(https://|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/|$))[^\s?#]*$",
    )
    client_id: str = Field(description="Veille's name at the issuer.", min_length=1)
    client_secret: SecretStr = Field(
        SecretStr(""), description="Veille's secret there; empty for a public client."
    )
    client_secret_file: Path | None = Field(None, description="File that holds it, instead.")
    ca_file: Path | None = Field(None, description="Certificate authority of the issuer.")
    scopes: str = Field("openid profile email", description="What is asked of the issuer.")
    label: str = Field("", description="What the button says; empty: the issuer's host.")
    role_claim: str = Field(
        "", description="Claim that tells the groups of a user, such as `groups`; dots lead inside."
    )
    admins: list[str] = Field([], description="Values of that claim that make an admin.")
    analysts: list[str] = Field([], description="Values of it that make an analyst.")
    viewers: list[str] = Field([], description="Values of it that make a viewer.")
    default_role: Role | Literal["none"] = Field(
        "viewer", description="Role of who has none of these; `none`: they are refused."
    )
    allowed_domains: list[str] = Field(
        [], description="Domains of verified e-mail addresses that may log in; empty: any."
    )

    @model_validator(mode="after")
    def _one_secret(self) -> "Oidc":
        if self.client_secret.get_secret_value() and self.client_secret_file:
            raise ValueError("give one of client_secret and client_secret_file")
        if "openid" not in self.scopes.split():
            raise ValueError("scopes must hold `openid`")
        return self


class Web(_Section):
    """The pages."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8420, ge=0, le=65535, description="Port to listen on.")
    public_url: str = Field(
        "",
        description="Where people reach the pages, such as https://veille.example.org: links of "
        "messages lead there. Empty: host and port above.",
        pattern=r"^(https?://[^\s?#]+)?$",
    )
    export_rows: int = Field(
        1_000_000,
        ge=1_000,
        le=100_000_000,
        description="Mentions a file made by the pages may hold; `veille export` has no limit.",
    )
    login: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether people log in. `auto`: unless the pages are served on, and reached "
        "by, this machine's own address alone.",
    )
    session_hours: float = Field(
        168, gt=0, le=8760, description="After so long one has to log in anew."
    )
    idle_hours: float = Field(24, gt=0, le=8760, description="So long after the last request, too.")
    open_metrics: bool = Field(
        False,
        description="Whether `/metrics` answers without a token where people log in.",
    )
    oidc: Oidc | None = Field(None, description="Logging in by OpenID Connect.")

    def login_needed(self, host: str | None = None) -> bool:
        """Whether people log in where the pages are served on `host`, else on `web.host`."""
        if self.login != "auto":
            return self.login == "on"
        public = urlsplit(self.public_url).hostname or "localhost"
        return not (_is_local(self.host if host is None else host) and _is_local(public))

    @property
    def lasting(self) -> timedelta:
        """Of a session."""
        return timedelta(hours=self.session_hours)

    @property
    def base_url(self) -> str:
        """The pages' address without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")


class Source(_Section):
    """One source: a connector and its settings."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: str = Field(description="Your name for it.", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    connector: str = Field(description="One of `veille sources list`.")
    enabled: bool = Field(True, description="Whether it runs.")

    @property
    def options(self) -> dict[str, Any]:
        """The connector's own settings: every key that is not Veille's."""
        return dict(self.model_extra or {})


class Pipeline(_Section):
    """How posts become mentions."""

    max_lag_bytes: int = Field(
        2_000_000,
        ge=100_000,
        le=4_000_000,
        description="Unread bytes a partition of the embedded broker may hold before it waits. It "
        "keeps 5 MB and would drop what is beyond.",
    )
    commit_seconds: float = Field(0.5, gt=0, le=60, description="Rest between offset commits.")
    dead_share: float = Field(
        0.05,
        gt=0,
        le=1,
        description="An alert opens when more than this share of a source's posts of an hour died.",
    )
    dead_least: int = Field(
        20, ge=1, description="How many must have died in that hour before it does."
    )


class Sentiment(_Section):
    """Which engine judges. The engine `transformers` needs the extra of that name."""

    engine: Literal["hybrid", "vader", "transformers"] = Field("hybrid", description="Who judges.")
    model_dir: Path | None = Field(
        None, description="Model of `transformers`: model.onnx, tokenizer.json and config.json."
    )
    languages: str = Field(
        "", description="Languages that model was made for, comma-separated; empty: any."
    )
    target_as: Literal["none", "pair", "prefix"] = Field(
        "none",
        description="How that model is told a topic's target: not at all, as the second text of a "
        "pair, or as a prefix.",
    )

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(code.strip() for code in self.languages.split(",") if code.strip())


class Maintenance(_Section):
    """A time in which nothing rings, by the posts' own clock."""

    begins: AwareDatetime = Field(description="When it begins, such as 2026-03-01T22:00:00Z.")
    ends: AwareDatetime = Field(description="When it ends.")
    topics: list[str] = Field(
        [],
        description="Ids of topics it holds for, `*` stands for any letters; `source:` and a name "
        "for a source; empty: all.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> "Maintenance":
        if self.ends <= self.begins:
            raise ValueError("it ends before it begins")
        return self


class Alerts(Delivery):
    """What staff is alerted of, and how (`docs/alerts.md`)."""

    enabled: bool = Field(True, description="Whether workers watch for incidents.")
    sensitivity: Sensitivity = Field(
        "normal", description="Of topics that have none of their own in `topics.yaml`."
    )
    weekly_budget: float = Field(
        2.0,
        gt=0,
        le=1000,
        description="False alarms that all topics together may cost in a week: the more topics, "
        "the rarer must be what rings.",
    )
    maintenance: list[Maintenance] = Field([], description="Times in which nothing rings.")
    retention_days: int = Field(
        400, ge=1, le=3650, description="How long incidents are kept after they were found."
    )


class _HookChannel(Channel):
    section: ClassVar[str] = "webhooks"


class Webhook(_Section):
    """An address that gets each mention of its topics as signed JSON, by `veille webhooks run`."""

    id: str = Field(description="Your name for it.", pattern=ID)
    url: str = Field("", description="Address that gets the JSON by POST.")
    url_env: str = Field("", description="Variable that holds the address, instead.")
    secret_env: str = Field("", description="Variable that holds the secret for signing.")
    secret_file: str = Field("", description="File that holds it, instead.")
    topics: list[str] = Field(
        [], description="Ids of topics; `*` stands for any letters. Empty: all."
    )
    events: list[Literal["mention", "deletion"]] = Field(
        ["mention", "deletion"],
        description="New and changed mentions, deleted ones.",
        min_length=1,
    )
    give_up_hours: float = Field(
        72,
        gt=0,
        le=8760,
        description="After so long without success what is next goes to its dead letters.",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.url) == bool(self.url_env):
            raise ValueError(f"webhook {self.id!r} needs one of url, url_env")
        if bool(self.secret_env) == bool(self.secret_file):
            raise ValueError(f"webhook {self.id!r} needs one of secret_env, secret_file")
        return self

    @property
    def channel(self) -> Channel:
        """The same as a channel: how it is reached and signed."""
        return _HookChannel(
            id=self.id,
            webhook=self.url,
            webhook_env=self.url_env,
            secret_env=self.secret_env,
            secret_file=self.secret_file,
        )


class Settings(BaseSettings):
    """All settings of a Veille installation."""

    model_config = SettingsConfigDict(
        env_prefix="VEILLE_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    kafka: Kafka = Kafka()
    store: Store = Store()
    kibana: Kibana = Kibana()
    web: Web = Web()
    pipeline: Pipeline = Pipeline()
    sentiment: Sentiment = Sentiment()
    alerts: Alerts = Alerts()
    sources: list[Source] = Field([], description="What is collected.")
    webhooks: list[Webhook] = Field([], description="Who gets each mention by POST.")
    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("veille"),
        description="Embedded data: the SQLite file lives here.",
    )
    allow_hosts: str = Field(
        "", description="Hosts that may be private addresses, comma-separated."
    )

    @field_validator("sources")
    @classmethod
    def _ids_differ(cls, sources: list[Source]) -> list[Source]:
        seen: set[str] = set()
        for source in sources:
            if source.id in seen:
                raise ValueError(f"two sources have the id {source.id!r}: they'd share a cursor")
            seen.add(source.id)
        return sources

    @field_validator("webhooks")
    @classmethod
    def _hooks_differ(cls, webhooks: list[Webhook]) -> list[Webhook]:
        ids = [one.id for one in webhooks]
        for one in ids:
            if ids.count(one) > 1:
                raise ValueError(f"two webhooks have the id {one!r}: they'd share a place")
        return webhooks

    @property
    def embedded_broker(self) -> bool:
        """Whether the broker is Veille's own: it forgets, so producers are held back by lag."""
        return self.kafka.in_memory or not self.kafka.bootstrap_servers

    @property
    def allowed_hosts(self) -> frozenset[str]:
        return frozenset(h.strip() for h in self.allow_hosts.split(",") if h.strip())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        if isinstance(env_settings, EnvSettingsSource):
            env_settings.env_vars = with_files(env_settings.env_vars, _secrets(settings_cls))
        return env_settings, init_settings


def _secrets(settings: type[BaseSettings]) -> list[str]:
    """Variables of the sections' secrets, in lower case: `veille_store__password`."""
    return [
        f"veille_{section}__{name}"
        for section, field in settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, _Section)
        for name, inner in field.annotation.model_fields.items()
        if inner.annotation is SecretStr
    ]


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def shipped_config() -> Path:
    """The `config/` that comes with Veille: inside the wheel, or beside the packages."""
    packaged = Path(__file__).parent / "_config"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "config"


def config_dir(given: Path | None = None) -> Path:
    """`--config DIR`, else `VEILLE_CONFIG`, else the shipped settings. Raises `ConfigError`."""
    chosen = given or (Path(env) if (env := os.environ.get("VEILLE_CONFIG")) else None)
    if chosen is None:
        return shipped_config()
    if not chosen.is_dir():
        raise ConfigError(f"{chosen}: no such directory. Remedy: veille init {chosen}")
    return chosen


def load(config: Path | None = None) -> Settings:
    """Read `veille.yaml` of the directory and the environment. Raises `ConfigError` that names
    the file, the line and the remedy."""
    path = config_dir(config) / "veille.yaml"
    raw, lines = yaml_file.read(path)
    try:
        return Settings(**raw)
    except ValidationError as error:
        raise ConfigError(_explain(error, path, lines)) from None
    except SettingsError as error:
        raise ConfigError(
            f"environment: {error}. Remedy: give this setting as JSON, or its parts one by one "
            "(VEILLE_KAFKA__PREFIX=…)"
        ) from None


def _explain(error: ValidationError, path: Path, lines: yaml_file.Lines) -> str:
    rows = []
    for item in error.errors(include_url=False, include_input=False):
        at = tuple(item["loc"])
        name = ".".join(str(part) for part in at)
        line = yaml_file.line_of(at, lines)
        place = f"{path}:{line}" if line else f"environment or {path}"
        what = item["msg"]
        if item["type"] == "extra_forbidden":
            what = "no such setting"
        rows.append(f"{place}: {name}: {what}. Remedy: see `docs/settings.md` for {at[0]}")
    return "\n".join(rows)
