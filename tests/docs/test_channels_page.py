"""The examples of docs/channels.md work as they are written."""

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

from streams import settings
from streams.channels.signature import sign
from tests.docs.tree import ROOT

PAGE = (ROOT / "docs" / "channels.md").read_text("utf-8")
BODY = '{"text": "élevée"}'.encode()


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
    return str(found)


def test_the_settings_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "veille.yaml").write_text(block("yaml"), "utf-8")
    read = settings.load(tmp_path)
    assert [channel.id for channel in read.alerts.channels] == ["ops-mail", "team-chat", "hook"]
    assert read.web.base_url == "https://veille.example.org"


def test_the_signature_check_in_python() -> None:
    space: dict[str, Any] = {}
    exec(block("python"), space)  # noqa: S102 # the page's own words
    now = int(time.time())
    check = space["is_genuine"]
    assert check("secret", sign("secret", now, BODY), BODY)
    assert not check("secret", sign("secret", now, BODY), BODY + b" ")
    assert not check("secret", sign("secret", now - 301, BODY), BODY)
    assert not check("other", sign("secret", now, BODY), BODY)


def test_the_signature_check_in_the_shell(tmp_path: Path) -> None:
    (tmp_path / "body.json").write_bytes(BODY)
    right, wrong = sign("secret", 1_700_000_000, BODY), sign("other", 1_700_000_000, BODY)
    for signature, code in ((right, 0), (wrong, 1)):
        env = {**os.environ, "SIGNATURE": signature, "SECRET": "secret"}
        done = subprocess.run(["bash", "-c", block("bash")], cwd=tmp_path, env=env, check=False)
        assert done.returncode == code
