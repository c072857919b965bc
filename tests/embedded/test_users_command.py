"""`veille users` and `veille tokens` over an embedded store."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.users import PASSWORD
from tests.support.veille import veille, veille_here


class Here:
    """Commands over a data directory of their own."""

    def __init__(self, path: Path) -> None:
        self.env = {"VEILLE_DATA_DIR": str(path / "data")}
        self.file = path / "password.txt"
        self.file.write_text(f"{PASSWORD}\n", "utf-8")

    def run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return veille_here(*words, env=self.env)

    def rows(self, *words: str) -> list[dict[str, Any]]:
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def add(self, name: str, *words: str) -> subprocess.CompletedProcess[bytes]:
        return self.run("users", "add", name, "--password-file", str(self.file), *words)


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def test_users_from_the_first_to_the_last(here: Here) -> None:
    assert b"veille users add NAME --role admin" in here.run("users", "list").stdout
    assert here.add("Ada", "--role", "admin", "--email", "ada@example.org").returncode == 0
    assert here.add("bob").returncode == 0
    again = here.add("bob")
    assert again.returncode == 1
    assert b"already" in again.stderr
    ada, bob = here.rows("users", "list")
    assert (bob["role"], bob["email"], bob["disabled"]) == ("viewer", "", False)
    assert (ada["name"], ada["role"], ada["email"], ada["password"]) == (
        "ada",
        "admin",
        "ada@example.org",
        True,
    )
    assert here.rows("users", "role", "bob", "analyst")[0]["role"] == "analyst"
    assert here.rows("users", "disable", "bob")[0]["disabled"] is True
    assert here.rows("users", "enable", "bob")[0]["disabled"] is False
    [invited] = here.rows("users", "invite", "bob")
    assert invited["link"].startswith("http://127.0.0.1:8420/invited/")
    assert here.run("users", "passwd", "bob", "--password-file", str(here.file)).returncode == 0
    for last in (("remove", "ada", "--yes"), ("disable", "ada"), ("role", "ada", "viewer")):
        done = here.run("users", *last)
        assert done.returncode == 1
        assert b"last admin" in done.stderr
    assert here.run("users", "remove", "bob", "--yes").returncode == 0
    assert [one["name"] for one in here.rows("users", "list")] == ["ada"]
    listed = here.run("users", "list").stdout
    assert b"ada@example.org" in listed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("users", "add", "a/b", "--invite"), b"can't be a user's name"),
        (("users", "add", "eve", "--role", "boss", "--invite"), b"no such role"),
        (("users", "add", "eve", "--password-file", "nowhere.txt"), b"nowhere.txt"),
        (("users", "role", "nobody", "admin"), b"no user 'nobody'"),
        (("users", "passwd", "eve", "secret on the command line"), b"unexpected extra argument"),
        (("tokens", "add", "x", "--user", "nobody"), b"no user 'nobody'"),
        (("tokens", "drop", "nothing"), b"no such token"),
    ],
)
def test_misuse_is_said(here: Here, words: tuple[str, ...], said: bytes) -> None:
    done = here.run(*words)
    assert done.returncode in (1, 2)
    assert said.lower() in done.stderr.lower()


def test_a_weak_password_makes_no_user(here: Here) -> None:
    here.file.write_text("short", "utf-8")
    done = here.add("eve")
    assert done.returncode == 1
    assert b"too short" in done.stderr
    assert here.rows("users", "list") == []


def test_a_password_comes_by_standard_input_and_is_not_shown(here: Here) -> None:
    done = veille("users", "add", "eve", env=here.env, stdin=f"{PASSWORD}\n".encode())
    assert done.returncode == 0, done.stderr
    assert PASSWORD.encode() not in done.stdout + done.stderr
    assert here.rows("users", "list")[0]["password"] is True


def test_tokens_are_shown_once(here: Here) -> None:
    here.add("ada", "--role", "analyst")
    [made] = here.rows("tokens", "add", "dash", "--user", "ada", "--scope", "label", "--days", "9")
    assert made["token"].startswith("veille_")
    assert made["scopes"] == ["label"]
    plain = here.run("tokens", "add", "other", "--user", "ada")
    assert plain.stdout.startswith(b"veille_")
    listed = here.run("tokens", "list").stdout
    assert b"dash" in listed
    assert made["token"].encode() not in listed
    refused = here.run("tokens", "add", "x", "--user", "ada", "--scope", "admin")
    assert refused.returncode == 1
    assert b"needs the role admin" in refused.stderr
    assert here.run("tokens", "drop", made["id"]).returncode == 0
    assert [one["name"] for one in here.rows("tokens", "list", "--user", "ada")] == ["other"]
