"""What a text points at: the people it names and the sites it links to. Linear time."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from connectors.post import Post
from streams.criteria.folding import fold

_MENTION: Final = re.compile(r"(?<![\w@＠/.])[@＠](\w[\w.@-]*)")
_LINK: Final = re.compile(r"(?:https?://|(?<![\w./@])www\.)[^\s<>\"«»“”]+", re.IGNORECASE)
_HOST: Final = re.compile(r"[\w-]+(?:\.[\w-]+)+")
_MOST_PARTS: Final = 10
_LONGEST: Final = 2000


def mentions(text: str) -> Iterator[tuple[str, int, int]]:
    """Each handle without its sign, and where it stands with its sign.

    It ends at an apostrophe (`@JetBlue's`); an address (`a@b.com`) names nobody.
    """
    if "@" in text or "＠" in text:
        for found in _MENTION.finditer(text):
            handle = found[1].rstrip(".@-")
            yield handle, found.start(), found.start() + 1 + len(handle)


def handles(written: str) -> set[str]:
    """What a handle may be asked for by: `user@host.org` by itself and by `user`, folded."""
    folded = fold(written[:_LONGEST])
    cuts = [at for at, char in enumerate(folded) if char in ".@"][:_MOST_PARTS]
    return {folded, *(folded[:at] for at in cuts)}


def links(text: str) -> Iterator[tuple[str, int, int]]:
    """Each link, and where it stands."""
    if "://" in text or "www." in text.lower():
        for found in _LINK.finditer(text):
            link = found[0].rstrip(".,;:!?)]}'…")
            yield link, found.start(), found.start() + len(link)


def host_of(link: str) -> str:
    """The host that a link leads to, in small letters; empty for what is no link."""
    try:
        host = urlsplit(link if "://" in link else f"https://{link}").hostname or ""
    except ValueError:
        return ""
    return ascii_host(host)


def ascii_host(host: str) -> str:
    """The host as name servers know it (`xn--…`), so that both ways to write it are one."""
    host = host.strip().rstrip(".").lower()
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def is_host(host: str) -> bool:
    """Whether this can be a host: names joined by points."""
    return bool(_HOST.fullmatch(host))


def above(host: str) -> Iterator[str]:
    """The host and all that it belongs to: `a.example.com`, `example.com`, `com`."""
    parts = host.split(".")[-_MOST_PARTS:]
    for at in range(len(parts)):
        yield ".".join(parts[at:])


def post_links(post: Post) -> list[str]:
    """All links of a post: its own address, and those in its texts."""
    texts = (post.title, post.text)
    found = [link for text in texts for link, _, _ in links(text)]
    return [post.url, *found] if post.url else found


def sites(post: Post) -> set[str]:
    """The hosts that a post's links lead to, and those that they belong to."""
    return {site for link in post_links(post) for site in above(host_of(link)) if site}
