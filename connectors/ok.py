"""Odnoklassniki: topics of the groups named, their discussions and comments, over its API.

See docs/connectors/ok.md.
"""

import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import ClassVar, Final

import msgspec

from connectors import http
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import BadSettings, Refused, SkipItem
from connectors.fields import mapping
from connectors.ok_api import API, Api, Closed
from connectors.ok_comments import comments
from connectors.ok_desk import Desk
from connectors.ok_posts import comment, discussion, message, topic
from connectors.options import BASE_URL, CONTACT, LISTEN, PATH, TIMEOUT, Options
from connectors.post import Post
from connectors.receiving import (
    Answer,
    Received,
    Request,
    accepted,
    json_body,
    listen,
    unreadable,
)
from connectors.throttle import Throttle
from connectors.tokens import Grant, Tokens
from connectors.webhook import Lock

_NUMBER = re.compile(r"(?:https?://)?(?:www\.|m\.)?(?:ok\.ru/group/(?:\d+/topic/)?)?(\d{1,20})/?")
_MODES: Final = ("poll", "webhook")


class Ok:
    """Cursor: `{"groups": {group: its latest topics}, "follow": comments, "recheck": counts}`."""

    spec: ClassVar[Spec] = Spec(
        name="ok",
        door="API: stream.get, discussions.getComments",
        sees="topics of the groups named, with comments and counts; deletions; messages to a group",
        needs="an application approved by Odnoklassniki, its keys and a token",
        limits="not published; 3 calls a second",
        options=(
            Option("groups", "Groups to read: numbers or addresses.", ()),
            Option("topics", "Single topics to follow: numbers or addresses.", ()),
            Option("application_key", "The application's public key.", ""),
            Option("application_secret", "The application's secret key.", "", secret=True),
            Option("access_token", "A token, such as the eternal one.", "", secret=True),
            Option("session_secret", "The token's secret key, if given.", "", secret=True),
            Option("application_id", "The application's number, to renew a token.", ""),
            Option("refresh_token", "Gets tokens in place of access_token.", "", secret=True),
            Option("mode", f"{_MODES[0]} or {_MODES[1]}.", _MODES[0]),
            LISTEN,
            PATH,
            Option("secret", "Text that the webhook's address bears.", "", secret=True),
            Option("confirmation", "The text that confirms the webhook's address.", ""),
            Option("discussions", "Read the owner's discussions in the groups, too.", "yes"),
            Option("comments", "Follow the comments of topics seen: yes or no.", "yes"),
            Option("refresh", "Ask for counts and deletions again: yes or no.", "yes"),
            Option("calls_a_second", "Calls of any kind a second.", 3),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="networks",
        access="approval",
        poll_seconds=120.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._groups = [_number("groups", name) for name in options.many("groups")]
        self._topics = [_number("topics", name) for name in options.many("topics")]
        self._key = options.text("application_key")
        self._secret = options.text("application_secret")
        self._token = options.text("access_token")
        self._session = options.text("session_secret")
        self._id = options.text("application_id")
        self._refresh_token = options.text("refresh_token")
        self._mode = options.choice("mode", _MODES)
        self._host, self._port = options.address("listen")
        self._path = options.path("path", "/hooks/ok")
        self._lock = Lock(token=options.text("secret"), token_header="secret")  # noqa: S106
        self._confirmation = options.text("confirmation")
        self._discussions = options.switch("discussions")
        self._comments = options.switch("comments")
        self._refresh = options.switch("refresh")
        self._throttle = Throttle(options.whole("calls_a_second", 1, 1000))
        self._base = (options.url("base_url") or API).removesuffix("/fb.do")
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        if not self._groups and not self._topics and self._mode == "poll":
            raise BadSettings("ok: set 'groups': numbers or addresses of groups, or 'topics'")
        self._tokens = Tokens(context, fixed=self._token, grant=self._grant())

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over groups, comments and counts; or what is sent here, until cut."""
        found = self._sent() if self._mode == "webhook" else self._pass(cursor)
        async with contextlib.aclosing(found) as steps:
            async for step in steps:
                yield step

    async def _sent(self) -> AsyncGenerator[Step, None]:
        if self._lock.never_opens:
            raise BadSettings(
                "ok: set 'secret', and give Odnoklassniki the address with ?secret= and it: its"
                " webhooks are not signed"
            )
        deliveries = listen(self._context, self, host=self._host, port=self._port, path=self._path)
        async with contextlib.aclosing(deliveries) as steps:
            async for step in steps:
                yield step

    def receive(self, request: Request) -> Received:
        """A message, or the question that confirms the address."""
        with contextlib.suppress(SkipItem):
            asked = mapping(json_body(request)).get("webhookType")
            if asked == "CONFIRMATION" and self._confirmation:
                return Received(Answer(200, self._confirmation.encode()))
        return self._lock.refusal(request) or accepted(self, request)

    def read(self, request: Request) -> Sequence[Step]:
        """The message of an event; nothing of other events. Raises `SkipItem` for no JSON."""
        event = json_body(request)
        if mapping(event).get("webhookType") != "MESSAGE_CREATED":
            return []
        try:
            return [Step(post=message(event, http.current_time(self._context)))]
        except ValueError as error:
            raise unreadable(request, f"ok message: {error}") from None

    async def _pass(self, cursor: Cursor) -> AsyncGenerator[Step, None]:
        self._check_keys()
        async with http.Client(
            self._context,
            contact=self._contact,
            secrets=[self._token, self._secret, self._session, self._refresh_token],
            seconds=self._timeout,
        ) as client:
            desk = self._desk(client, cursor)
            named = [desk.topics(group) for group in self._groups]
            if self._topics:
                named.append(desk.followed(self._topics))
            failed: list[Closed | Refused] = []
            for part in named:
                try:
                    async for step in part:
                        yield step
                except (Closed, Refused) as error:
                    self._context.on_note(f"{error}")
                    failed.append(error)
            rest = [desk.discussions(self._groups)] if self._discussions and self._groups else []
            for part in [*rest, comments(desk), desk.refresh()]:
                async for step in part:
                    yield step
            if len(failed) == len(named) and not desk.elsewhere:
                raise failed[0]

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        fields = mapping(msgspec.json.decode(raw))
        now = http.current_time(self._context)
        if "webhookType" in fields:
            return message(fields, now)
        if "object_id" in fields:
            return discussion(fields, {}, now)
        if "author_id" in fields or "reply_to_comment_id" in fields:
            return comment(fields, {}, now, under=str(fields.get("discussion_id") or ""))
        return topic(fields, {}, now)

    def _desk(self, client: http.Client, cursor: Cursor) -> Desk:
        api = Api(
            self._context,
            client,
            self._throttle,
            self._tokens,
            base=self._base,
            application_key=self._key,
            application_secret=self._secret,
            session=self._session,
            renewable=bool(self._refresh_token),
        )
        return Desk(self._context, api, cursor, follow=self._comments, refresh=self._refresh)

    def _check_keys(self) -> None:
        where = "apiok.ru > your application"
        if not self._key:
            raise BadSettings(f"ok: set 'application_key': the public key of {where}")
        if not self._token and not self._refresh_token:
            raise BadSettings(f"ok: set 'access_token': the eternal token of {where}")
        if not self._secret and not self._session:
            raise BadSettings(f"ok: set 'application_secret': the secret key of {where}")

    def _grant(self) -> Grant | None:
        if not self._refresh_token:
            return None
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self._refresh_token,
            "client_id": self._id,
            "client_secret": self._secret,
        }
        remedy = "log in again at connect.ok.ru/oauth/authorize and set a new 'refresh_token'"
        return Grant(f"{self._base}/oauth/token.do", form, remedy)


def _number(setting: str, name: str) -> str:
    found = _NUMBER.fullmatch(name.strip())
    if found is None:
        raise BadSettings(
            f"ok: '{setting}' has {name!r:.120}; give the number that the page's address ends with,"
            " as in 47241470410797 or https://ok.ru/group/47241470410797"
        )
    return found[1]
