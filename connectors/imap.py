"""E-mail: alerts, newsletters and lists that arrive in a mailbox, over IMAP.

A message may be one post, or each item that it links to. Nothing in the mailbox is changed.
See docs/connectors/imap.md.
"""

import calendar
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from connectors import http, mail, mailbox, times
from connectors.addresses import is_named
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.errors import BadSettings, SkipItem
from connectors.fields import count, mapping
from connectors.mail import Link, Mail
from connectors.mailbox import Letter, Mailbox, Server
from connectors.options import CONTACT, TIMEOUT, Options
from connectors.post import Author, Post
from connectors.text import line

_CHUNK: Final = 10
_SECURITY: Final = ("tls", "starttls", "none")
_PORTS: Final = {"tls": 993, "starttls": 143, "none": 143}
_MONTHS: Final = calendar.month_abbr
"""English, whatever the locale: Veille sets none."""
_SCHEMES: Final = {"imaps": "tls", "imap": "none"}


class Imap:
    """Cursor: `{folder: {"validity": UIDVALIDITY, "uid": the last one read, "at": when it was
    received, RFC 3339}}`."""

    spec: ClassVar[Spec] = Spec(
        name="imap",
        door="IMAP mailbox",
        sees="messages of the folders named: alerts, newsletters, lists; or each item they link to",
        needs="a mailbox and its password",
        limits="the provider's; messages are read ten at a time",
        keyless=False,
        group="doors",
        access="key",
        options=(
            Option("host", "The mail server, such as imap.example.org.", ""),
            Option("port", "Its port; 993, or 143 without tls.", ""),
            Option("security", "tls, starttls, or none for a server of your own.", "tls"),
            Option("user", "Name to log in with.", required=True),
            Option("password", "Password, or an app password.", required=True, secret=True),
            Option("folders", "Folders to read.", ("INBOX",)),
            Option("senders", "Only messages from these addresses or domains.", ()),
            Option("split", "yes: a post for each item that a message links to.", "no"),
            Option("backfill", "How many of the latest messages the first start reads.", 100),
            Option("max_bytes", "How much of a message is read, attachments included.", 1_048_576),
            Option("base_url", "Address in place of `host`: imaps://host:port.", ""),
            CONTACT,
            TIMEOUT,
        ),
        poll_seconds=120.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        options.header("contact")  # IMAP has no place for it
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._server = _server(options, context)
        self._folders = options.many("folders")
        if not self._folders:
            raise BadSettings("imap: 'folders' is empty; name at least one, such as INBOX")
        self._senders = tuple(sender.lower().lstrip("@") for sender in options.many("senders"))
        self._split = options.switch("split")
        self._backfill = options.whole("backfill", 0, 100_000)
        self._most = options.whole("max_bytes", 1_024, 32 * 1024 * 1024)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over every folder, oldest message first."""
        state: dict[str, Any] = dict(mapping(cursor))
        async with mailbox.opened(self._context, self._server, self._timeout) as box:
            for folder in self._folders:
                async for step, read in self._folder(box, folder, mapping(state.get(folder))):
                    if read:
                        state = {**state, folder: read}
                    yield Step(step.post, step.dead, step.gap, state if read else None)

    async def _folder(
        self, box: Mailbox, folder: str, known: dict[str, Any]
    ) -> AsyncIterator[tuple[Step, dict[str, Any]]]:
        """Steps with what the folder is then read up to; empty inside a message."""
        validity = await box.select(folder)
        last, at = count(known.get("uid")) or 0, line(known.get("at"))
        same = known.get("validity") == validity
        if known and same:
            uids = [uid for uid in await box.uids("UID", f"{last + 1}:*") if uid > last]
        elif known:
            self._context.on_note(f"{folder}: the server numbers its messages anew; read again")
            uids = await self._since(box, at)
            if not at:
                now = http.current_time(self._context).isoformat()
                yield Step(gap=Gap(since=str(last), until=now, reason="numbered anew")), {}
        else:
            uids = (await box.uids("ALL"))[-self._backfill :] if self._backfill else []
        for start in range(0, len(uids), _CHUNK):
            for letter in await box.fetch(uids[start : start + _CHUNK], self._most):
                at = self._received(letter).isoformat()
                read = {"validity": validity, "uid": letter.uid, "at": at}
                *first, final = self._steps(folder, validity, letter) or [Step()]
                for step in first:
                    yield step, {}
                yield final, read
        if not uids and not same:
            last = max(await box.uids("ALL"), default=0)
            yield Step(), {"validity": validity, "uid": last, "at": at}

    async def _since(self, box: Mailbox, at: str) -> list[int]:
        """Messages from the day before the one read last, or the latest."""
        if not at:
            return (await box.uids("ALL"))[-self._backfill or -1 :]
        day = times.parse(at, now=http.current_time(self._context)) - timedelta(days=1)
        return await box.uids("SINCE", f"{day.day}-{_MONTHS[day.month]}-{day.year}")

    def _received(self, letter: Letter) -> datetime:
        now = http.current_time(self._context)
        return times.parse_or(_rfc822(letter.received), now, now=now)

    def _steps(self, folder: str, validity: int, letter: Letter) -> list[Step]:
        place = f"{self._server.host} {folder} message {letter.uid}"
        try:
            read = mail.read(letter.raw)
        except ValueError as error:
            raw = letter.raw[:65_536]
            return [Step(dead=SkipItem(f"{place}: {error}", place=place, raw=raw))]
        sender = read.address
        if self._senders and not any(
            sender == one or sender.endswith(("@" + one, "." + one)) for one in self._senders
        ):
            return []
        native = read.id or f"{self._server.host}/{folder}/{validity}/{letter.uid}"
        when = self._received(letter)
        cut = letter.size > len(letter.raw)
        if self._split and (items := mail.links(read.html)):
            return [Step(post=self._item(item, native, read, when)) for item in items]
        return [Step(post=self._post(native, read, when, cut=cut))]

    def reread(self, raw: bytes) -> Post:
        """The post of a message that could not be read before. Raises `ValueError`."""
        read = mail.read(raw)
        if not read.id:
            raise ValueError("the message has no Message-ID")
        return self._post(read.id, read, http.current_time(self._context), cut=False)

    def _post(self, native: str, read: Mail, received: datetime, *, cut: bool) -> Post:
        now = http.current_time(self._context)
        return Post(
            id=f"imap:{line(native, limit=400)}",
            source="imap",
            kind="message",
            created_at=times.parse_or(read.sent, received, now=now),
            collected_at=now,
            url=read.url,
            title=read.subject,
            text=read.text,
            truncated=read.truncated or cut,
            lang=read.lang,
            author=Author(id=read.address, handle=read.address, name=read.name),
            parent_id=f"imap:{read.reply_to}" if read.reply_to else "",
            thread_id=f"imap:{read.thread}" if read.thread else "",
        )

    def _item(self, item: Link, native: str, read: Mail, received: datetime) -> Post:
        now = http.current_time(self._context)
        host = urlsplit(item.url).hostname or ""
        return Post(
            id=f"imap:{item.url}",
            source="imap",
            kind="article",
            created_at=times.parse_or(read.sent, received, now=now),
            collected_at=now,
            url=item.url,
            title=item.title,
            text=item.text,
            lang=read.lang,
            author=Author(name=host),
            thread_id=f"imap:{line(native, limit=400)}",
        )


def _rfc822(internal: str) -> str:
    """`17-Jul-1996 02:44:25 -0700` as mail writes it."""
    day, _, rest = internal.partition(" ")
    return f"{day.replace('-', ' ')} {rest}"


def _server(options: Options, context: Context) -> Server:
    host, security = options.text("host"), options.choice("security", _SECURITY)
    base = options.url("base_url", tuple(_SCHEMES))
    if base:
        parts = urlsplit(base)
        host, security = parts.hostname or "", _SCHEMES[parts.scheme]
        port = parts.port or _PORTS[security]
    elif host:
        port = options.whole("port", 1, 65_535) if options.text("port") else _PORTS[security]
    else:
        raise BadSettings("imap: set 'host': the mail server, such as imap.example.org")
    if any(character.isspace() or character in "/@" for character in host):
        raise BadSettings(f"imap: 'host' is {host!r:.120}; give a name such as imap.example.org")
    if security == "none" and not is_named(host, port, context.allow_hosts):
        raise BadSettings(
            "imap: 'security' is 'none'; the password would be sent in the clear. Remedy: tls or "
            f"starttls, or VEILLE_ALLOW_HOSTS={host} where the server is your own"
        )
    user, password = options.header("user"), options.header("password")
    return Server(host, port, security, user, password)
