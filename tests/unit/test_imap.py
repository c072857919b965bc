import logging
import ssl
import subprocess
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from connectors import mail
from connectors.errors import BadSettings, Fatal, NotAllowed, Retriable
from connectors.imap import Imap
from connectors.mailbox import _quoted
from connectors.post import decode, encode
from connectors.registry import build
from tests.contract.connectors.world import NOW, collect, context
from tests.support.imap_server import ImapServer, imap_server


def options(server: ImapServer, **more: Any) -> dict[str, Any]:
    base = f"imap://127.0.0.1:{server.port}"
    return {"base_url": base, "user": "watch", "password": "pass word", "timeout": 5, **more}


def letter(number: int, text: str = "", **headers: str) -> bytes:
    message = EmailMessage()
    message["From"] = "Ann Lee <Ann@Lists.example>"
    message["Subject"] = f"Tea, part {number}"
    message["Date"] = f"Mon, 01 Jun 2026 10:{number:02}:00 +0000"
    message["Message-ID"] = f"<m{number}@lists.example>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text or f"note {number}")
    return message.as_bytes()


async def test_messages_are_read_once_and_in_order() -> None:
    async with imap_server() as server:
        server.mails = {uid: letter(uid) for uid in range(1, 26)}
        source = Imap(context(options(server)))
        first = await collect(source)
        again = await collect(source, first.cursor)
        server.mails[40] = letter(40, In_Reply_To="<m1@lists.example>")
        third = await collect(Imap(context(options(server))), again.cursor or first.cursor)
        assert not any("STORE" in command or "SELECT" in command for command in server.commands)
    assert first.error is None
    assert first.ids == [f"imap:m{uid}@lists.example" for uid in range(1, 26)]
    assert again.ids == []
    assert third.ids == ["imap:m40@lists.example"]
    assert first.cursor == {"INBOX": {"validity": 7, "uid": 25, "at": "2026-06-01T11:00:00+00:00"}}
    post = third.steps[0].post
    assert post is not None
    assert decode(encode(post)) == post
    assert (post.title, post.text, post.parent_id) == ("Tea, part 40", "note 40", first.ids[0])
    assert (post.author.handle, post.author.name) == ("ann@lists.example", "Ann Lee")
    assert post.created_at.isoformat() == "2026-06-01T10:40:00+00:00"


async def test_every_cursor_resumes_without_loss() -> None:
    async with imap_server() as server:
        server.uid_after = True
        server.mails = {uid: letter(uid) for uid in range(3, 9)}
        whole = await collect(Imap(context(options(server))))
        for position, step in enumerate(whole.steps):
            rest = await collect(Imap(context(options(server))), step.cursor)
            assert whole.ids[: position + 1] + rest.ids == whole.ids


async def test_a_folder_numbered_anew_is_read_again() -> None:
    notes: list[str] = []
    async with imap_server() as server:
        server.mails = {1: letter(1)}
        source = Imap(context(options(server), on_note=notes.append))
        first = await collect(source)
        server.validity, server.mails = 8, {1: letter(1), 2: letter(2)}
        second = await collect(source, first.cursor)
        assert any("SINCE 31-May-2026" in command for command in server.commands)
    assert second.ids == [*first.ids, "imap:m2@lists.example"]
    assert "numbers its messages anew" in notes[0]


async def test_one_bad_message_and_unwanted_senders_harm_no_other() -> None:
    async with imap_server() as server:
        server.mails = {
            1: letter(1),
            2: b"From: a@lists.example\r\n\r\n",
            3: letter(3).replace(b"Lists.example", b"other.example"),
            4: letter(4),
        }
        result = await collect(Imap(context(options(server, senders="@lists.example"))))
    assert result.ids == ["imap:m1@lists.example", "imap:m4@lists.example"]
    (dead,) = [step.dead for step in result.steps if step.dead is not None]
    assert dead.place == "127.0.0.1 INBOX message 2"
    assert dead.raw
    assert result.cursor["INBOX"]["uid"] == 4


async def test_it_opens_nothing_before_it_is_iterated_and_holds_clocks_back() -> None:
    async with imap_server() as server:
        server.mails = {1: letter(1).replace(b"01 Jun 2026", b"05 Jun 2026")}
        source = Imap(context(options(server)))
        stream = source.posts(None)
        assert server.commands == []
        del stream
        (step,) = (await collect(source)).steps
    assert step.post is not None
    assert step.post.created_at == step.post.collected_at == NOW


async def test_long_messages_are_cut() -> None:
    async with imap_server() as server:
        server.mails = {1: letter(1, "word " * 20_000)}
        result = await collect(Imap(context(options(server, max_bytes=2048))))
    post = result.steps[0].post
    assert post is not None
    assert post.truncated
    assert len(post.text) < 2048


@pytest.mark.parametrize(
    ("answers", "kind", "said"),
    [
        ({"LOGIN": "NO [AUTHENTICATIONFAILED] bad"}, Fatal, "app password"),
        ({"LOGIN": "NO [UNAVAILABLE] later"}, Retriable, "later"),
        ({"EXAMINE": "NO no such folder"}, Fatal, "no such folder"),
        ({"SEARCH": "BAD what?"}, Retriable, "what?"),
        ({"FETCH": "NO [LIMIT] slow down"}, Retriable, "slow down"),
    ],
)
async def test_refusals(answers: dict[str, str], kind: type[Exception], said: str) -> None:
    async with imap_server() as server:
        server.mails = {1: letter(1)}
        server.answers = answers
        error = (await collect(Imap(context(options(server))))).error
    assert type(error) is kind
    assert said in str(error)


async def test_silence_is_bounded() -> None:
    async with imap_server() as server:
        server.silent = {"SEARCH"}
        error = (await collect(Imap(context(options(server, timeout=0.5))))).error
    assert type(error) is Retriable
    async with imap_server() as gone:
        port = gone
    error = (await collect(Imap(context(options(port))))).error
    assert type(error) is Retriable


async def test_the_password_stays_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with imap_server() as server:
        error = (await collect(Imap(context(options(server, password="s3cret-pass"))))).error
    assert isinstance(error, Fatal)
    assert "s3cret-pass" not in str(error) + caplog.text


async def test_an_untrusted_certificate_is_refused(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", key, "-out", cert, "-days", "1", "-subj", "/CN=127.0.0.1"),
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("no openssl here to make a certificate with")
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(cert, key)
    async with imap_server(secure) as server:
        base = f"imaps://127.0.0.1:{server.port}"
        error = (await collect(Imap(context({**options(server), "base_url": base})))).error
        assert server.commands == []
    assert type(error) is Retriable
    assert "certificate" in str(error)


async def test_private_addresses_and_bad_settings() -> None:
    given = {"host": "127.0.0.1", "user": "u", "password": "p"}
    error = (await collect(build("imap", context(given, allow_hosts=frozenset())))).error
    assert isinstance(error, NotAllowed)
    for bad in ({"host": "a b"}, {"security": "none"}, {"folders": ""}, {"port": "x"}):
        with pytest.raises(BadSettings, match=f"'{next(iter(bad))}'"):
            build("imap", context({**given, "host": "mail.example", **bad}))
    with pytest.raises(BadSettings, match="did you mean 'folders'"):
        build("email", context({**given, "folder": "x"}))


ALERT = """<html><body><table>
<tr><td><a href="https://www.google.com/url?rct=j&amp;url=https://news.example/tea%3Fa%3D1&amp;ct=ga"
><b>Tea</b> grows dearer this year</a><div>The harvest was <b>poor</b>, growers say.</div></td></tr>
<tr><td><a href="https://other.example/cup#top">A cup that keeps the warmth</a><p>Sold out.</p></td>
<td><a href="https://other.example/cup">Read more</a></td></tr></table>
<a href="https://lists.example/u?x">Unsubscribe from this list</a></body></html>"""


async def test_items_of_an_alert_are_posts() -> None:
    message = EmailMessage()
    message["From"] = "alerts@example.org"
    message["Subject"] = "=?utf-8?B?0KfQsNC5?="
    message["Message-ID"] = "<a@example.org>"
    message.set_content("see the HTML")
    message.add_alternative(ALERT, subtype="html")
    async with imap_server() as server:
        server.mails = {5: message.as_bytes()}
        result = await collect(Imap(context(options(server, split=True))))
    first, second = (step.post for step in result.steps)
    assert first is not None
    assert second is not None
    assert (first.id, first.title) == (
        "imap:https://news.example/tea?a=1",
        "Tea grows dearer this year",
    )
    assert first.text == "Tea grows dearer this year\n\nThe harvest was poor, growers say."
    assert second.url == "https://other.example/cup"
    assert second.text.endswith("Sold out.\n\n\tRead more") or "Sold out." in second.text
    assert {first.thread_id, second.thread_id} == {"imap:a@example.org"}
    assert result.steps[0].cursor is None
    assert result.cursor is not None


@pytest.mark.parametrize(
    ("raw", "subject", "text"),
    [
        (b"Subject: =?koi8-r?B?/sHK?= =?x-none?Q?a=FF?=\n\nhi", "Чайaÿ", "hi"),
        (b"Content-Type: text/plain; charset=windows-1251\n\n\xf7\xe0\xe9", "", "чай"),
        (b"Content-Type: text/plain; charset=nonsense\n\n\xc3\xa9", "", "é"),
        (b"Content-Type: text/html\n\n<p>a<br>b<script>c</script>", "", "a\nb"),
        (
            b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nY2Fm6Q==",
            "",
            "café",
        ),
        (
            b"Subject: cut\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst",
            "cut",
            "first",
        ),
        (
            (
                b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
                b"Content-Disposition: attachment\n\nno\n--b\n\nyes\n--b\n"
                b"Content-Type: message/rfc822\n\nSubject: x\n\ninner\n--b--"
            ),
            "",
            "yes",
        ),
    ],
)
def test_encodings_and_parts(raw: bytes, subject: str, text: str) -> None:
    read = mail.read(raw)
    assert (read.subject, read.text) == (subject, text)


def test_hostile_mail_is_one_error() -> None:
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3000)
    )
    with pytest.raises(ValueError, match="e-mail"):
        mail.read(nested)
    with pytest.raises(ValueError, match="neither a subject nor a text"):
        mail.read(b"")


def test_names_of_folders() -> None:
    assert _quoted('Чай & "x"') == '"&BCcEMAQ5- &- \\"x\\""'
