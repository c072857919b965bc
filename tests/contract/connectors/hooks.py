"""Senders of deliveries, built to the documentation of the services they stand for."""

import hashlib
import hmac
import json
from typing import Any, Protocol

from connectors.receiving import Answer, Request

SECRET = "s3cret-0f-the-sender"


class HookFixture(Protocol):
    """One connector's sender."""

    name: str

    def options(self) -> dict[str, Any]:
        """Settings of a source that the sender shares its secret with."""
        ...

    def body(self, number: int, *, text: str = "") -> bytes:
        """A delivery of one post, the same for the same number."""
        ...

    def signed(self, body: bytes, secret: str = SECRET) -> dict[str, str]:
        """The headers that go with a body, its signature among them."""
        ...

    def handshake(self) -> tuple[Request, Answer] | None:
        """What the service asks before it sends, and the answer it needs."""
        ...

    def bad(self) -> list[dict[str, Any]]:
        """Settings that must be refused."""
        ...


UNSIGNED_BODIES = frozenset({"ok", "telegram"})
"""Senders that show a fixed token: whether the body was changed on the way can't be told."""
SECRET_IN_BODY = frozenset({"vk"})
"""Senders whose secret stands in the body: nobody vouches for one that can't be read."""


class WebhookFixture:
    """GitHub's way of signing, and a body of our own."""

    name = "webhook"

    def options(self) -> dict[str, Any]:
        return {"secret": SECRET, "items": "data.reviews", "columns": {"author.name": "by.name"}}

    def body(self, number: int, *, text: str = "") -> bytes:
        review = {
            "id": f"r{number}",
            "text": text or f"note {number}",
            "created_at": "2026-06-01T11:00:00Z",
            "by": {"name": "Ada"},
        }
        return json.dumps({"data": {"reviews": [review]}}).encode()

    def signed(self, body: bytes, secret: str = SECRET) -> dict[str, str]:
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {"content-type": "application/json", "X-Signature-256": f"sha256={digest}"}

    def handshake(self) -> tuple[Request, Answer] | None:
        return None

    def bad(self) -> list[dict[str, Any]]:
        return [
            {"listen": "everywhere"},
            {"listen": "127.0.0.1:99999"},
            {"path": "hooks"},
            {"algorithm": "md5"},
            {"unsigned": "perhaps"},
        ]


class TelegramFixture:
    """A webhook that was set with `secret_token`."""

    name = "telegram"

    def options(self) -> dict[str, Any]:
        return {"mode": "webhook", "secret": SECRET}

    def body(self, number: int, *, text: str = "") -> bytes:
        chat = {"id": -1001234567890, "title": "Tea News", "type": "channel"}
        post = {"message_id": 10 + number, "chat": chat, "date": 1_780_311_600}
        post["text"] = text or f"note {number}"
        return json.dumps({"update_id": 900 + number, "channel_post": post}).encode()

    def signed(self, body: bytes, secret: str = SECRET) -> dict[str, str]:
        return {"content-type": "application/json", "X-Telegram-Bot-Api-Secret-Token": secret}

    def handshake(self) -> tuple[Request, Answer] | None:
        return None

    def bad(self) -> list[dict[str, Any]]:
        return [{"listen": "everywhere"}, {"path": "hooks"}, {"secret": ""}]


class VkFixture:
    """VKontakte's Callback API: the secret stands in the body, the first event is a question."""

    name = "vk"

    def options(self) -> dict[str, Any]:
        return {"mode": "callback", "secret": SECRET, "confirmation": "c0de"}

    def body(self, number: int, *, text: str = "") -> bytes:
        post = {
            "id": number,
            "owner_id": -1,
            "from_id": 5,
            "date": 1_780_311_600,
            "post_type": "post",
            "text": text or f"note {number}",
        }
        event = {"type": "wall_post_new", "object": post, "group_id": 1, "event_id": f"e{number}"}
        return json.dumps({**event, "v": "5.199", "secret": SECRET}).encode()

    def signed(self, body: bytes, secret: str = SECRET) -> dict[str, str]:
        return {"content-type": "application/json"}

    def handshake(self) -> tuple[Request, Answer] | None:
        body = json.dumps({"type": "confirmation", "group_id": 1}).encode()
        return Request(path="/hooks/vk", body=body), Answer(200, b"c0de")

    def bad(self) -> list[dict[str, Any]]:
        return [{"listen": "everywhere"}, {"path": "hooks"}, {"mode": "pull"}]


class OkFixture:
    """Odnoklassniki's webhooks: unsigned, so that the address that it was given bears a text."""

    name = "ok"

    def options(self) -> dict[str, Any]:
        return {"groups": "470", "mode": "webhook", "secret": SECRET, "confirmation": "c0de"}

    def body(self, number: int, *, text: str = "") -> bytes:
        said = {"mid": f"mid:{number}", "seq": number, "text": text or f"note {number}"}
        event = {
            "webhookType": "MESSAGE_CREATED",
            "sender": {"user_id": "user:7", "name": "Ada"},
            "recipient": {"chat_id": "chat:470"},
            "message": said,
            "timestamp": 1_780_311_600_000,
        }
        return json.dumps(event).encode()

    def signed(self, body: bytes, secret: str = SECRET) -> dict[str, str]:
        return {"content-type": "application/json", "secret": secret}

    def handshake(self) -> tuple[Request, Answer] | None:
        body = json.dumps({"webhookType": "CONFIRMATION"}).encode()
        return Request(path="/hooks/ok", body=body), Answer(200, b"c0de")

    def bad(self) -> list[dict[str, Any]]:
        return [{"listen": "everywhere"}, {"path": "hooks"}, {"mode": "pull"}]


class FacebookFixture:
    """Changes of a page, as Meta's webhooks send them: signed over the escaped body."""

    name = "facebook"

    def options(self) -> dict[str, Any]:
        return {"app_secret": SECRET, "verify_token": "meet-me"}

    def body(self, number: int, *, text: str = "") -> bytes:
        value = {
            "item": "comment",
            "verb": "add",
            "post_id": "100_2000",
            "comment_id": f"2000_{number}",
            "parent_id": "100_2000",
            "from": {"id": "55", "name": "Ad\u00e9"},
            "message": text or f"note {number}",
            "created_time": 1_780_311_600,
        }
        change = {"field": "feed", "value": value}
        entry = {"id": "100", "time": 1_780_311_601, "changes": [change]}
        return json.dumps({"object": "page", "entry": [entry]}).encode()

    def signed(self, body: bytes, secret: str = SECRET) -> dict[str, str]:
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {"content-type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"}

    def handshake(self) -> tuple[Request, Answer] | None:
        query = {
            "hub.mode": "subscribe",
            "hub.verify_token": "meet-me",
            "hub.challenge": "1158201444",
        }
        return Request("GET", query=query), Answer(200, b"1158201444")

    def bad(self) -> list[dict[str, Any]]:
        return [{"listen": "everywhere"}, {"path": "hooks"}, {"webhook": "perhaps"}]


class InstagramFixture(FacebookFixture):
    """Comments under an account's media."""

    name = "instagram"

    def body(self, number: int, *, text: str = "") -> bytes:
        value = {
            "id": f"1790000{number}",
            "from": {"id": "55", "username": "ada"},
            "media": {"id": "178001", "media_product_type": "FEED"},
            "text": text or f"note {number}",
        }
        change = {"field": "comments", "value": value}
        entry = {"id": "178", "time": 1_780_311_601, "changes": [change]}
        return json.dumps({"object": "instagram", "entry": [entry]}).encode()


class ThreadsFixture(FacebookFixture):
    """Replies to an account's posts: one change a delivery, in an object."""

    name = "threads"

    def body(self, number: int, *, text: str = "") -> bytes:
        value = {
            "id": f"890{number}",
            "username": "ada",
            "text": text or f"note {number}",
            "media_type": "TEXT_POST",
            "permalink": f"https://www.threads.net/@ada/post/P{number}",
            "replied_to": {"id": "567"},
            "root_post": {"id": "123", "owner_id": "17", "username": "tea.house"},
            "shortcode": f"P{number}",
            "timestamp": "2026-06-01T11:00:00+0000",
        }
        return json.dumps(
            {
                "app_id": "123456",
                "topic": "moderate",
                "target_id": "78901",
                "time": 1_780_311_601,
                "subscription_id": "234567",
                "has_uid_field": False,
                "values": {"value": value, "field": "replies"},
            }
        ).encode()


class WebSubFixture:
    """A WebSub hub, as its Recommendation says."""

    name = "websub"

    def options(self) -> dict[str, Any]:
        return {
            "secret": SECRET,
            "urls": "https://news.example/feed",
            "callback": "https://here.example/hooks/websub",
        }

    def body(self, number: int, *, text: str = "") -> bytes:
        item = (
            f"<item><guid>https://news.example/{number}</guid>"
            "<pubDate>Mon, 01 Jun 2026 11:00:00 GMT</pubDate>"
            f"<description>{text or f'note {number}'}</description></item>"
        )
        return f'<rss version="2.0"><channel>{item}</channel></rss>'.encode()

    def signed(self, body: bytes, secret: str = SECRET) -> dict[str, str]:
        digest = hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
        return {"content-type": "application/rss+xml", "X-Hub-Signature": f"sha1={digest}"}

    def handshake(self) -> tuple[Request, Answer] | None:
        query = {
            "hub.mode": "subscribe",
            "hub.topic": "https://news.example/feed",
            "hub.challenge": "prove-it",
            "hub.lease_seconds": "864000",
        }
        return Request(method="GET", path="/hooks/it", query=query), Answer(200, b"prove-it")

    def bad(self) -> list[dict[str, Any]]:
        return [
            {"listen": "everywhere"},
            {"lease_days": 0},
            {"urls": "news.example"},
            {"callback": "here.example"},
        ]


_ALL: tuple[HookFixture, ...] = (
    WebhookFixture(),
    TelegramFixture(),
    VkFixture(),
    OkFixture(),
    FacebookFixture(),
    InstagramFixture(),
    ThreadsFixture(),
    WebSubFixture(),
)
HOOKS: dict[str, HookFixture] = {one.name: one for one in _ALL}
