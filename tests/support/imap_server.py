"""A mail server for tests: speaks enough IMAP4rev1 on a local port to be read from."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class ImapServer:
    """`mails` holds raw messages by UID; `answers` what to say to a verb in place of the truth;
    `silent` verbs are never answered."""

    mails: dict[int, bytes] = field(default_factory=dict)
    validity: int = 7
    folder: str = '"INBOX"'
    password: str = "pass word"
    answers: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    commands: list[str] = field(default_factory=list)
    port: int = 0
    uid_after: bool = False

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"* OK ready\r\n")
            while line := await reader.readline():
                tag, _, command = line.decode().strip().partition(" ")
                self.commands.append(command)
                verb = command.removeprefix("UID ").split(" ")[0]
                if verb in self.silent:
                    await asyncio.Event().wait()
                if verb in self.answers:
                    writer.write(f"{tag} {self.answers[verb]}\r\n".encode())
                else:
                    writer.write(self._answer(verb, command) + f"{tag} {self._end}\r\n".encode())
                await writer.drain()
                if verb == "LOGOUT":
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def _answer(self, verb: str, command: str) -> bytes:
        self._end = "OK done"
        if verb == "CAPABILITY":
            return b"* CAPABILITY IMAP4rev1\r\n"
        if verb == "LOGIN" and self.password not in command:
            self._end = "NO [AUTHENTICATIONFAILED] " + command
        if verb == "EXAMINE":
            if self.folder not in command:
                self._end = "NO no such folder"
                return b""
            return (
                f"* {len(self.mails)} EXISTS\r\n* OK [UIDVALIDITY {self.validity}] v\r\n".encode()
            )
        if verb == "SEARCH":
            found = re.search(r"UID (\d+):\*", command)
            low = int(found.group(1)) if found else 0
            uids = [uid for uid in self.mails if uid >= low] or [*self.mails][-1:]
            return f"* SEARCH {' '.join(map(str, uids))}\r\n".encode()
        if verb == "FETCH":
            wanted = {int(n) for n in command.split(" ")[2].split(",")}
            most = int(re.search(r"<0\.(\d+)>", command)[1])  # type: ignore[index]
            return b"".join(self._mail(uid, most) for uid in self.mails if uid in wanted)
        return b""

    def _mail(self, uid: int, most: int) -> bytes:
        raw = self.mails[uid]
        facts = f'INTERNALDATE "01-Jun-2026 11:00:00 +0000" RFC822.SIZE {len(raw)}'
        before, after = ("", f" UID {uid}") if self.uid_after else (f"UID {uid} ", "")
        head = f"* {uid} FETCH ({before}{facts} BODY[]<0> {{{len(raw[:most])}}}\r\n"
        return head.encode() + raw[:most] + f"{after})\r\n".encode()


@asynccontextmanager
async def imap_server(secure: ssl.SSLContext | None = None) -> AsyncIterator[ImapServer]:
    """A running one."""
    state, tasks = ImapServer(), set[asyncio.Task[None]]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await state.talk(reader, writer)

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=secure)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
