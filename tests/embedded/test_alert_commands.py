"""`veille alerts test` and `digest` as a person calls them."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.support.hook_server import hook_server
from tests.support.mail_server import mail_server
from tests.support.veille import ROOT, veille

SETTINGS = """
alerts:
  language: fr
  zone: Europe/Paris
  channels:
    - {id: mail, url_env: OPS_MAIL}
    - {id: hook, webhook_env: OPS_HOOK, secret_env: OPS_SECRET}
"""
SECRET = "s" * 32


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "topics.yaml").write_text('topics: [{id: acme, query: "acmeron"}]\n', "utf-8")
    (tmp_path / "veille.yaml").write_text(SETTINGS, "utf-8")
    return {
        "VEILLE_CONFIG": str(tmp_path),
        "VEILLE_DATA_DIR": str(tmp_path / "data"),
        "VEILLE_ALLOW_HOSTS": "127.0.0.1",
        "OPS_SECRET": SECRET,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }


async def run(*arguments: str, env: dict[str, str]) -> tuple[int, str, str]:
    done = await asyncio.to_thread(veille, *arguments, env=env)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def test_a_test_mail_arrives_and_says_so(env: dict[str, str]) -> None:
    async with mail_server() as server:
        env["OPS_MAIL"] = f"mailto://127.0.0.1:{server.port}/?from=v@example.org&to=ops@example.org"
        code, out, _ = await run("alerts", "test", "mail", env=env)
    assert (code, out) == (0, "Sent to mail: 127.0.0.1 took it\n")
    assert server.mails[0]["Subject"].startswith("[élevée] Test. Acme")
    kinds = [each.get_content_type() for each in server.mails[0].walk()]
    assert {"text/plain", "text/html", "image/png"} <= set(kinds)


async def test_a_webhook_that_fails_ends_with_1_and_tells_why(env: dict[str, str]) -> None:
    async with hook_server() as server:
        env["OPS_HOOK"] = f"{server.url}/with-a-token"
        server.answers = ["500 Broken"]
        code, out, said = await run("alerts", "test", "hook", env=env)
        assert (code, out) == (1, "")
        assert f"hook: http://127.0.0.1:{server.port} answered 500. Nothing was sent" in said
        code, out, _ = await run("alerts", "test", "hook", "--json", env=env)
    assert code == 0
    assert '"sent":true' in out
    assert server.posted[-1].json["test"] is True
    assert "with-a-token" not in said + out
    assert SECRET not in said + out


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("OPS_HOOK", "http://10.0.0.1/x", "10.0.0.1:80 is a private or reserved address"),
        ("OPS_HOOK", "http://localhost:1/x", "VEILLE_ALLOW_HOSTS=localhost"),
        ("OPS_HOOK", "", "the variable OPS_HOOK is not set"),
    ],
)
async def test_a_wrong_address_ends_with_2(
    variable: str, value: str, said: str, env: dict[str, str]
) -> None:
    code, _, told = await run("alerts", "test", "hook", env=env | {variable: value})
    assert code == 2
    assert said in told.replace("\n", " ")


async def test_an_unknown_channel_is_told_with_those_there_are(env: dict[str, str]) -> None:
    code, _, told = await run("alerts", "test", "nono", env=env)
    assert code == 2
    assert "There are: mail, hook" in told


async def test_the_digest_is_printed_written_and_sent(env: dict[str, str], tmp_path: Path) -> None:
    code, out, _ = await run("alerts", "digest", env=env)
    assert code == 0
    assert "La journée dans Veille" in out
    assert "Aucun incident." in out
    page = tmp_path / "digest.html"
    code, _, _ = await run("alerts", "digest", "--weekly", "--preview", str(page), env=env)
    assert code == 0
    assert "La semaine dans Veille" in page.read_text("utf-8")
    async with hook_server() as server:
        env["OPS_HOOK"] = server.url
        code, _, _ = await run("alerts", "digest", "--weekly", "--to", "hook", env=env)
    assert code == 0
    assert server.posted[0].json["event"] == "digest"
