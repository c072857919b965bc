"""The whole way of an alert: posts, an incident, a mail and a signed webhook. Killed on the way."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path

from streams.channels.signature import is_genuine
from tests.embedded.test_alerts import kept, worker_of
from tests.support.crisis import counts, posts
from tests.support.hook_server import HookServer, hook_server
from tests.support.mail_server import MailServer, mail_server
from tests.support.replays import write_jsonl
from tests.support.servers import free_port
from tests.support.veille import Process

SECRET = "0123456789abcdef0123456789abcdef"
CHANNELS = """
sources: []
allow_hosts: 127.0.0.1
alerts:
  channels:
    - {id: hook, webhook: "http://127.0.0.1:%d/hook", secret_env: TEST_HOOK_SECRET}
    - {id: mail, url_env: TEST_MAIL_URL}
"""


async def arrived(hook: HookServer, mail: MailServer, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not (hook.posted and mail.mails):
            await asyncio.sleep(0.1)


async def test_an_incident_reaches_people_once_whoever_is_killed(tmp_path: Path) -> None:
    """The worker dies between detection and delivery; the messages arrive from the next one."""
    async with hook_server() as hook, mail_server() as mail:
        (tmp_path / "topics.yaml").write_text("topics:\n  - {id: brand, query: acmeron}\n")
        (tmp_path / "veille.yaml").write_text(CHANNELS % hook.port)
        env = {
            "VEILLE_CONFIG": str(tmp_path),
            "VEILLE_DATA_DIR": str(tmp_path / "data"),
            "TEST_HOOK_SECRET": SECRET,
            "TEST_MAIL_URL": f"mailto://127.0.0.1:{mail.port}/?from=veille@x.org&to=ops@x.org",
        }
        made = posts(counts(days=5.5, rate=2, crisis=(4.5, 1.0, 12.0)))
        path = write_jsonl(made, tmp_path / "posts.jsonl")
        with Process("replay", str(path), env=env, log=tmp_path / "replay.log") as replay:
            assert replay.process is not None
            async with asyncio.timeout(90):
                while not (await kept(env))[0]:
                    await asyncio.sleep(0.05)
            os.kill(worker_of(replay.process.pid), signal.SIGKILL)
            assert await asyncio.to_thread(replay.process.wait, 120) == 0
        with Process("up", "--port", str(free_port()), env=env, log=tmp_path / "up.log"):
            await arrived(hook, mail)
            await asyncio.sleep(3)  # for what should not come
    incidents, _ = await kept(env)
    assert len(incidents) == 1
    told = [posted.json for posted in hook.posted]
    opened = [one for one in told if one["event"] == "opened"]
    keys = {posted.headers["idempotency-key"] for posted in hook.posted}
    assert len(keys) == len(told) == len(hook.posted)
    assert [one["incident"]["id"] for one in opened] == list(incidents)
    assert opened[0]["incident"]["kind"] == "negative-spike"
    assert opened[0]["incident"]["evidence"]["posts"]
    first = hook.posted[0]
    assert is_genuine(SECRET, first.headers["x-veille-signature"], first.body, now=time.time())
    assert mail.receivers[0] == ["ops@x.org"]
    parts = {part.get_content_type() for part in mail.mails[0].walk()}
    assert {"text/plain", "text/html", "image/png"} <= parts
    assert "awful" in json.dumps(opened[0])
