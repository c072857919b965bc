"""`streams.settings`: file, then environment; every error names file, line and remedy."""

import os
from pathlib import Path

import pytest

from streams import settings
from streams.errors import ConfigError


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("VEILLE_"):
            monkeypatch.delenv(name)


def load(folder: Path, text: str) -> settings.Settings:
    (folder / "veille.yaml").write_text(text, "utf-8")
    return settings.load(folder)


def complaint(folder: Path, text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    (folder / "veille.yaml").write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        settings.load(folder)
    return str(caught.value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_is_the_defaults(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == settings.load(tmp_path / ".") == settings.Settings()
    assert settings.Settings().embedded_broker


def test_a_directory_without_a_file_is_the_defaults(tmp_path: Path) -> None:
    assert settings.load(tmp_path) == settings.Settings()


def test_environment_wins_over_the_file_one_setting_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEILLE_KAFKA__BOOTSTRAP_SERVERS", "broker:9092")
    monkeypatch.setenv("VEILLE_WEB__PORT", "9000")
    read = load(tmp_path, "kafka: {bootstrap_servers: other:1, prefix: acme}\nweb: {port: 1}\n")
    assert (read.kafka.bootstrap_servers, read.kafka.prefix, read.web.port) == (
        "broker:9092",
        "acme",
        9000,
    )
    assert not read.embedded_broker


def test_keys_that_are_not_veille_s_are_the_connector_s(tmp_path: Path) -> None:
    read = load(tmp_path, "sources:\n- {id: news, connector: rss, urls: [a, b], pause: 3}\n")
    assert read.sources[0].options == {"urls": ["a", "b"], "pause": 3}


def test_allowed_hosts_are_split(tmp_path: Path) -> None:
    assert load(tmp_path, "allow_hosts: ' a.example, ,b.example '\n").allowed_hosts == {
        "a.example",
        "b.example",
    }


def test_secrets_are_never_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEILLE_STORE__PASSWORD", "open-sesame")
    read = load(tmp_path, "kafka: {password: open-sesame}\n")
    assert read.store.password.get_secret_value() == "open-sesame"
    assert "open-sesame" not in f"{read!r} {read} {read.model_dump_json()}"
    said = complaint(tmp_path, "store: {password: [open-sesame]}\nkafka: {password: {a: 1}}\n")
    assert "open-sesame" not in said


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("web:\n  port: many\n", 2, "web.port"),
        ("web:\n  port: 70000\n", 2, "web.port"),
        ("web:\n\n  prot: 1\n", 3, "web.prot: no such setting"),
        ("wbe: {}\n", 1, "wbe: no such setting"),
        ("kafka: 7\n", 1, "kafka"),
        ("sources:\n- id: a\n", 2, "sources.0.connector"),
        ("sources:\n- {id: a, connector: rss}\n- {id: 'a/b', connector: rss}\n", 3, "sources.1.id"),
        ("sources:\n- {id: a, connector: x}\n- {id: a, connector: y}\n", 1, "two sources"),
        ("web: {port: 1\n", 2, "indentation"),
        ("- a\n- b\n", 1, "expected settings"),
        ("just words\n", 1, "expected settings"),
        ("web: &a {port: 1}\nstore: *b\n", 2, "b"),
    ],
)
def test_errors_name_file_line_and_remedy(tmp_path: Path, text: str, line: int, words: str) -> None:
    said = complaint(tmp_path, text)
    assert f"{tmp_path / 'veille.yaml'}:{line}: " in said
    assert words in said


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xfe\xfa",
        b"a: \x00",
        b"1: 2\n",
        b"? [a]\n: b\n",
        b"data_dir: 2026-99-99\n",
        b"sources: &a [*a]\n",
        b"sources: " + b"[" * 5000,
        b"!!python/object/apply:os.system ['true']\n",
    ],
    ids=repr,
)
def test_hostile_files_are_config_errors(tmp_path: Path, raw: bytes) -> None:
    assert "veille.yaml" in complaint(tmp_path, raw)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    said = complaint(tmp_path, "web: {port: many}\nstore: {replicas: -1}\n")
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VEILLE_WEB__PORT", "many"),
        ("VEILLE_KAFKA__PREFIXX", "a"),
        ("VEILLE_SOURCES", "not json"),
        ("VEILLE_KAFKA", "{"),
    ],
)
def test_a_wrong_environment_is_a_config_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match="environment"):
        settings.load(tmp_path)


def test_a_folder_that_is_missing_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEILLE_CONFIG", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="veille init"):
        settings.load()


def test_the_folder_given_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEILLE_CONFIG", str(tmp_path))
    other = tmp_path / "other"
    other.mkdir()
    assert settings.config_dir() == tmp_path
    assert settings.config_dir(other) == other


def test_without_a_word_the_shipped_settings_are_read() -> None:
    assert settings.config_dir() == settings.shipped_config()
    assert settings.shipped_config().is_dir()


def test_a_secret_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("  of many words \n", "utf-8")
    monkeypatch.setenv("VEILLE_STORE__PASSWORD_FILE", str(tmp_path / "secret"))
    found = load(tmp_path, "store: {url: 'http://h:9200', username: veille}\n")
    assert found.store.password.get_secret_value() == "of many words"
    assert "many" not in repr(found)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), (b" \n", "empty"), (b"\xff", "not UTF-8")]
)
def test_a_secret_s_file_that_holds_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("VEILLE_KAFKA__PASSWORD_FILE", str(tmp_path / "secret"))
    told = complaint(tmp_path, "")
    assert "VEILLE_KAFKA__PASSWORD_FILE" in told
    assert said in told
    assert "Remedy:" in told


def test_a_secret_twice_is_one_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("a", "utf-8")
    monkeypatch.setenv("VEILLE_STORE__API_KEY_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("VEILLE_STORE__API_KEY", "b")
    assert "both are set" in complaint(tmp_path, "")


def test_a_setting_that_is_no_secret_has_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEILLE_STORE__URL_FILE", "/x")
    assert "no such setting" in complaint(tmp_path, "")
