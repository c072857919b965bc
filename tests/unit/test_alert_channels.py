"""Channels, over real sockets: signed webhooks, mail, and services that Apprise knows."""

import asyncio
import time
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from connectors.errors import ConnectorError, Fatal, NotAllowed, Retriable, WaitUntil
from streams.alert_settings import Channel as ChannelSettings
from streams.alerts.channel import Delivery
from streams.alerts.messages import Brief, compose
from streams.alerts.messages.language import LANGUAGES, Language
from streams.alerts.samples import sample_delivery
from streams.channels import open_channel, open_channels
from streams.channels.services import Service, hidden
from streams.channels.signature import is_genuine, sign
from streams.channels.webhook import Webhook
from streams.errors import ConfigError
from streams.settings import Settings
from streams.store.port import Bucket
from tests.support.alerts import evidence, incident, post
from tests.support.hook_server import HookServer, hook_server
from tests.support.mail_server import mail_server
from tests.support.mentions import NOON

SECRET = "a secret of twenty letters"
LOCAL = frozenset({"127.0.0.1"})


def delivery(language: Language = "en", **fields: Any) -> Delivery:
    step = timedelta(minutes=15)
    series = [Bucket(start=NOON + step * n, total=5, neg=3) for n in range(-8, 4)]
    one = incident(evidence=evidence())
    told: dict[str, Any] = {
        "incident": one,
        "series": series,
        "step": step,
        "base_url": "https://v.example.org",
    }
    brief = Brief(**(told | {"language": language} | fields))
    payload = {"incident": msgspec.to_builtins(one)}
    return Delivery(
        key="k1", event="opened", message=compose(brief), severity="high", payload=payload
    )


def webhook(server: HookServer, **fields: Any) -> Webhook:
    return Webhook("hook", server.url, SECRET, allow_hosts=LOCAL, **fields)


async def test_a_webhook_is_signed_and_has_the_same_key_and_body_again() -> None:
    async with hook_server() as server:
        hook = webhook(server)
        assert await hook.send(delivery()) == f"http://127.0.0.1:{server.port} answered 200"
        await hook.send(delivery())
    first, again = server.posted
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"] == "k1"
    assert first.body == again.body
    assert first.headers["content-type"] == "application/json"
    assert first.json["incident"]["id"] == "i1"
    assert first.json["event"] == "opened"
    assert first.json["links"]["incident"] == "https://v.example.org/incidents/i1"
    signature = first.headers["x-veille-signature"]
    assert is_genuine(SECRET, signature, first.body, now=time.time())
    assert not is_genuine("another secret", signature, first.body, now=time.time())
    assert not is_genuine(SECRET, signature, first.body + b" ", now=time.time())
    assert not is_genuine(SECRET, signature, first.body, now=time.time() + 400)
    assert not is_genuine(SECRET, "t=1,v1=00", first.body, now=1)


def test_the_signature_is_hmac_sha256_over_time_dot_body() -> None:
    assert sign("key", 1_700_000_000, b'{"a":1}') == (
        "t=1700000000,v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
    )


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("500 Broken", Retriable),
        ("503 Busy\r\nRetry-After: 30", WaitUntil),
        ("429 Too Many\r\nRetry-After: 7", WaitUntil),
        ("400 Bad", ConnectorError),
        ("401 Who", Fatal),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", Fatal),
    ],
)
async def test_answers_of_a_webhook(answer: str, kind: type[ConnectorError]) -> None:
    async with hook_server() as server:
        server.answers = [answer]
        with pytest.raises(kind) as caught:
            await webhook(server, clock=lambda: 1000.0).send(delivery())
        assert len(server.posted) == 1, "no redirect followed"
    assert SECRET not in str(caught.value)
    assert "/hook" not in str(caught.value), "a path may be a secret"
    if isinstance(caught.value, WaitUntil) and "429" in answer:
        assert caught.value.moment.timestamp() == 1007


async def test_a_webhook_that_says_nothing_is_given_up_in_time() -> None:
    async with hook_server() as server:
        server.answers = [5.0]
        started = time.monotonic()
        with pytest.raises(Retriable, match="did not answer in"):
            await webhook(server, seconds=0.3).send(delivery())
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://2130706433/x",
        "http://[::1]/x",
        "http://169.254.169.254/latest",
        "https://10.0.0.8/x",
        "ftp://example.org/x",
        "file:///etc/passwd",
        "https://",
        "no address",
    ],
)
def test_a_webhook_to_a_private_or_wrong_address_is_refused(url: str) -> None:
    with pytest.raises(Fatal) as caught:
        Webhook("hook", url, SECRET)
    assert "refused" in str(caught.value) or str(caught.value)


async def test_a_name_that_leads_to_a_private_address_is_refused_when_it_is_reached() -> None:
    hook = Webhook("hook", "http://localhost:9/x", SECRET)
    with pytest.raises(NotAllowed, match="VEILLE_ALLOW_HOSTS=localhost"):
        await hook.send(delivery())


async def test_a_transport_can_be_injected() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(202, request=request))
    hook = Webhook("hook", "https://example.org/x", SECRET, transport=transport)
    assert await hook.send(delivery()) == "https://example.org answered 202"


def mail_url(port: int, more: str = "") -> str:
    return f"mailto://127.0.0.1:{port}/?from=veille@example.org&to=ops@example.org{more}"


def part(mail: EmailMessage, kind: str) -> EmailMessage:
    return next(each for each in mail.walk() if each.get_content_type() == kind)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_mail_arrives_with_text_html_and_chart(language: Language) -> None:
    sent = delivery(language)
    async with mail_server() as server:
        channel = Service("mail", mail_url(server.port), allow_hosts=LOCAL)
        assert await channel.send(sent) == "127.0.0.1 took it"
        await channel.send(sent)
    mail, again = server.mails
    assert server.receivers[0] == ["ops@example.org"]
    assert mail["Subject"] == sent.message.subject
    assert mail["To"] == "ops@example.org"
    assert mail["From"] == "Veille <veille@example.org>"
    assert mail["Message-ID"] == again["Message-ID"] == "<k1@example.org>"
    assert mail.get_content_type() == "multipart/alternative"
    text, html = part(mail, "text/plain").get_content(), part(mail, "text/html").get_content()
    assert text.replace("\r\n", "\n").strip() == sent.message.text.strip()
    assert html.replace("\r\n", "\n").strip() == sent.message.html.strip()
    picture = part(mail, "image/png")
    assert picture["Content-ID"] == "<chart.png>"
    assert 'src="cid:chart.png"' in html
    drawn = picture.get_content()
    assert drawn.startswith(b"\x89PNG")
    assert b"IEND" in drawn[-12:]


async def test_a_mail_without_a_chart_has_no_hole() -> None:
    async with mail_server() as server:
        await Service("mail", mail_url(server.port), allow_hosts=LOCAL).send(delivery(series=[]))
    assert "cid:" not in part(server.mails[0], "text/html").get_content()


async def test_hostile_posts_arrive_as_text() -> None:
    attack = "<script>alert(1)</script>\r\nBcc: all@example.org\r\n\r\n.\r\nMAIL FROM:<x@y.example>"
    one = incident(evidence=evidence(posts=[post(attack)]), topic=attack)
    async with mail_server() as server:
        sent = delivery(incident=one, topic_name=attack, series=[])
        await Service("mail", mail_url(server.port), allow_hosts=LOCAL).send(sent)
    assert len(server.mails) == 1
    mail = server.mails[0]
    assert mail["Bcc"] is None
    assert server.receivers == [["ops@example.org"]]
    assert "<script" not in part(mail, "text/html").get_content()


async def test_a_mail_server_that_refuses_is_quoted() -> None:
    async with mail_server() as server:
        server.answers = ["452 mailbox full"]
        with pytest.raises(Retriable, match="452: mailbox full"):
            await Service("mail", mail_url(server.port), allow_hosts=LOCAL).send(
                delivery(series=[])
            )


async def test_a_service_by_http_gets_the_short_form() -> None:
    async with hook_server() as server:
        url = f"json://127.0.0.1:{server.port}/in"
        sent = delivery()
        assert await Service("json", url, allow_hosts=LOCAL).send(sent) == "JSON took it"
    told = server.posted[0].json
    assert told["title"] == sent.message.short.splitlines()[0]
    assert told["message"].strip() == sent.message.short.partition("\n")[2]
    assert told["type"] == "warning"


@pytest.mark.parametrize("address", ["mmost://127.0.0.1:{}/abcdefghij", "ntfy://127.0.0.1:{}/ops"])
async def test_a_chat_gets_no_markup_of_others(address: str) -> None:
    attack = "<!channel> @everyone [bank](https://evil.example) **now** <https://evil.example|x>"
    one = incident(evidence=evidence(posts=[post(attack)], first=None, terms=[]))
    async with hook_server() as server:
        channel = Service("chat", address.format(server.port), allow_hosts=LOCAL)
        await channel.send(delivery(incident=one, base_url=""))
    body = server.posted[0].body.decode()
    told = body + str(server.posted[0].json) if body.startswith("{") else body
    assert "negative mentions" in told
    for markup in ("<!channel>", "@everyone", "](http", "**", "evil.example|", "https://evil"):
        assert markup not in told


async def test_no_redirect_of_a_service_is_followed() -> None:
    async with hook_server() as server:
        server.answers = [f"307 Go\r\nLocation: http://127.0.0.1:{server.port}/elsewhere"]
        url = f"json://127.0.0.1:{server.port}/in"
        with pytest.raises(Retriable):
            await Service("json", url, allow_hosts=LOCAL).send(delivery())
    assert [each.path for each in server.posted] == ["/in"]


@pytest.mark.parametrize("scheme", ["json", "mailto"])
async def test_a_service_on_a_private_address_is_not_reached(scheme: str) -> None:
    async with hook_server() as server:
        url = f"{scheme}://localhost:{server.port}/in?from=a@b.example&to=c@d.example"
        with pytest.raises(ConnectorError, match="VEILLE_ALLOW_HOSTS"):
            await Service("private", url).send(delivery(series=[]))
    assert server.posted == []


async def test_a_service_that_hangs_is_ended() -> None:
    async with hook_server() as server:
        server.answers = [20.0]
        url = f"json://127.0.0.1:{server.port}/in"
        with pytest.raises(Retriable, match="no answer in"):
            await Service("json", url, allow_hosts=LOCAL, seconds=1.5).send(delivery())


def test_no_part_of_an_address_is_told() -> None:
    url = "mailtos://user:p%40ssword@mail.example.org:587/?to=boss@example.org&token=abcdef"
    said = (
        "login of user with p@ssword at mail.example.org failed for boss, token=abcdef, p%40ssword"
    )
    told = hidden(said, url)
    assert "mail.example.org" in told
    for secret in ("p@ssword", "p%40ssword", "abcdef", "boss"):
        assert secret not in told


def settings(*channels: dict[str, Any], **fields: Any) -> Settings:
    return Settings.model_validate({"alerts": {"channels": list(channels)}, **fields})


CASES = [
    ({"url_env": "V_URL"}, "", "the variable V_URL is not set"),
    ({"url_env": "V_URL"}, "nonsense://token1234", "nonsense://***"),
    ({"url_env": "V_URL"}, "json://127.0.0.1/token1234", "VEILLE_ALLOW_HOSTS=127.0.0.1"),
    ({"url_env": "V_URL"}, "json://2130706433/token1234", "VEILLE_ALLOW_HOSTS=2130706433"),
    ({"url_env": "V_URL"}, "mailto://localhost/?to=a@b.example&from=a@b.example", "localhost"),
    ({"url_env": "V_URL"}, "syslog://", "reaches nobody"),
    ({"url_file": "/nowhere/at/all"}, "", "/nowhere/at/all can't be read"),
    ({"webhook": "http://10.1.2.3/x", "secret_env": "V_SECRET"}, "", "private or reserved"),
    ({"webhook": "https://example.org/x", "secret_env": "V_NONE"}, "", "V_NONE is not set"),
    ({"webhook": "https://example.org/x", "secret_env": "V_SHORT"}, "", "openssl rand -hex 32"),
    (
        {"webhook_env": "V_URL", "secret_env": "V_SECRET"},
        "https://u:token1234@example.org/",
        "takes no user and password",
    ),
    ({"webhook_env": "V_URL", "secret_env": "V_SECRET"}, "gopher://x.example", "web address"),
]


@pytest.mark.parametrize(("given", "value", "said"), CASES)
async def test_a_wrong_channel_is_refused_at_the_start(
    given: dict[str, str], value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("V_SECRET", SECRET)
    monkeypatch.setenv("V_SHORT", "short")
    if value:
        monkeypatch.setenv("V_URL", value)
    with pytest.raises(ConfigError) as caught:
        await open_channels(settings({"id": "ops", **given}))
    told = str(caught.value)
    assert told.startswith("alerts.channels: ops: ")
    assert said in told
    assert "token1234" not in told
    assert SECRET not in told


async def test_a_file_holds_one_address(tmp_path: Path) -> None:
    for text in ("", "\n", "json://a.example\njson://b.example\n"):
        (tmp_path / "url").write_text(text)
        with pytest.raises(ConfigError, match="must hold one line"):
            await open_channels(settings({"id": "ops", "url_file": str(tmp_path / "url")}))


async def test_every_wrong_channel_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError) as caught:
        await open_channels(settings({"id": "a", "url_env": "V1"}, {"id": "b", "url_env": "V2"}))
    assert len(str(caught.value).splitlines()) == 2


async def test_channels_have_their_language_and_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = tmp_path / "address"
    address.write_text("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops\n")
    monkeypatch.setenv("V_SECRET", SECRET)
    one = {"id": "chat", "url_file": str(address), "language": "ru", "zone": "Europe/Moscow"}
    two = {"id": "hook", "webhook": "https://93.184.216.34/x", "secret_env": "V_SECRET"}
    made = await open_channels(settings(one, two))
    assert [(each.id, each.language, each.zone) for each in made] == [
        ("chat", "ru", "Europe/Moscow"),
        ("hook", "en", "UTC"),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_test_message_says_that_it_is_one(language: Language) -> None:
    sent = sample_delivery(NOON, language, "UTC", "ops")
    assert sent.event == "test"
    assert sent.payload == {"test": True}
    for form in (sent.message.text, sent.message.short, sent.message.html):
        assert "ops" in form
    assert sent.message.subject.split("] ")[1].startswith(("Test", "Проверка"))


async def test_one_channel_is_opened_by_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hook_server() as server:
        monkeypatch.setenv("V_URL", f"json://127.0.0.1:{server.port}/")
        given = ChannelSettings(id="json", url_env="V_URL")
        channel = await open_channel(given, settings(allow_hosts="127.0.0.1"))
        await asyncio.gather(*(channel.send(delivery()) for _ in range(2)))
    assert len(server.posted) == 2
