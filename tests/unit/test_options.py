from pathlib import Path
from typing import Any

import pytest

from connectors.base import Option, Spec
from connectors.errors import BadSettings
from connectors.options import Options

SPEC = Spec(
    name="x",
    door="d",
    sees="s",
    needs="n",
    limits="l",
    options=(
        Option("kind", "A kind.", "a"),
        Option("number", "A number.", 5),
        Option("on", "A switch.", "yes"),
        Option("list", "Several.", ()),
        Option("address", "An address.", ""),
        Option("key", "A key.", "", secret=True),
    ),
)


def options(**values: Any) -> Options:
    return Options(SPEC, values)


@pytest.mark.parametrize("value", [True, "yes", "True", " YES "])
def test_switches_on(value: object) -> None:
    assert options(on=value).switch("on")
    assert not options(on="no").switch("on")


def test_lists_and_numbers_from_text() -> None:
    given = options(list=" a, b,,a ", number="7")
    assert (given.many("list"), given.whole("number", 0, 9)) == (["a", "b"], 7)
    assert options(list=["a", "b"]).many("list") == ["a", "b"]
    assert options(list=[-1, "club2"]).many("list") == ["-1", "club2"]
    assert options(list=470).many("list") == ["470"]
    assert options().seconds("number", 0, 9) == 5.0


@pytest.mark.parametrize("value", [7, "7", [7], "id7, 7,", ["id7", 7]])
def test_ids_that_are_numbers(value: object) -> None:
    assert options(list=value).numbers("list", prefix="id") == ["7"]
    assert options().numbers("list") == []


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("kind", "z", lambda o: o.choice("kind", ("a", "b"))),
        ("kind", ["a"], lambda o: o.text("kind")),
        ("kind", "a\x00", lambda o: o.text("kind")),
        ("kind", "é", lambda o: o.header("kind")),
        ("number", "1e3", lambda o: o.whole("number", 0, 9)),
        ("number", True, lambda o: o.whole("number", 0, 9)),
        ("number", "nan", lambda o: o.seconds("number", 0, 9)),
        ("on", 1, lambda o: o.switch("on")),
        ("list", 5.5, lambda o: o.many("list")),
        ("list", [True], lambda o: o.many("list")),
        ("list", "7a", lambda o: o.numbers("list")),
        ("list", [True], lambda o: o.numbers("list")),
        ("list", {"a": 1}, lambda o: o.numbers("list")),
        ("address", "ftp://a.example", lambda o: o.url("address")),
        ("address", "http://[", lambda o: o.url("address")),
        ("address", "http://a b", lambda o: o.url("address")),
    ],
)
def test_wrong_values_are_named(name: str, value: object, read: Any) -> None:
    with pytest.raises(BadSettings, match=rf"x: '{name}' is .*; \w+"):
        read(options(**{name: value}))


def test_secrets_are_hidden() -> None:
    with pytest.raises(BadSettings) as caught:
        options(key=["s3cret"]).text("key")
    assert "s3cret" not in str(caught.value)
    with pytest.raises(BadSettings) as caught:
        options(address="ftp://me:s3cret@a.example/x?key=s3cret").url("address")
    assert "s3cret" not in str(caught.value)


SECRETIVE = Spec(
    name="quiet",
    door="",
    sees="",
    needs="",
    limits="",
    options=(
        Option("token", "Who we are.", "", required=True, secret=True),
        Option("city", "", ""),
    ),
)


def test_secrets_come_from_variables_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUIET_TOKEN", " from-env\n")
    assert Options(SECRETIVE, {"token_env": "QUIET_TOKEN"}).text("token") == "from-env"
    path = tmp_path / "token"
    path.write_text("from-file\n", encoding="utf-8")
    assert Options(SECRETIVE, {"token_file": str(path)}).text("token") == "from-file"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"token_env": "NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE is not set"),
        ({"token_file": "/nowhere/at/all"}, "/nowhere/at/all: No such file"),
        ({"token_env": "A", "token_file": "b"}, "set twice"),
        ({"token_env": "A", "token": "b"}, "set twice"),
        ({"token": "x", "city_env": "A"}, "there is no setting 'city_env'"),
    ],
)
def test_secrets_that_cant_be_had_are_explained(values: dict[str, str], said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        Options(SECRETIVE, values)
