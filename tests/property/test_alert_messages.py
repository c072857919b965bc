"""Whatever posts say, messages stay what they are: hostile text can't break out."""

import re
from datetime import timedelta
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerts.messages import Brief, compose
from streams.alerts.messages.digest import DigestBrief, TopicLine, compose_digest
from streams.alerts.messages.harmless import address, for_chat, inline
from streams.alerts.records import Term
from streams.channels.mail import build
from tests.support.alerts import evidence, incident, post
from tests.support.mentions import NOON

ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</bdi></p></td></table><h1>owned</h1>",
    "<!channel> <@U123> <https://evil.example|your bank>",
    "[click](https://evil.example) **bold** `code` ~~x~~ || spoiler ||",
    "@everyone @here",
    "a\r\nBcc: victim@example.org\r\n\r\nbody",
    "\u202egnp.exe\u202c \u2066x\u2069 \u200fabc",
    "javascript:alert(1) data:text/html;base64,xx",
    "{{ 7*7 }} {% include '/etc/passwd' %} {0} {topic}",
    "\x00\x1b[31mred\x07",
    "a" + "\u0300" * 5000,
    "\ud800 lone",
    "x" * 65_536,
    "\U000e0041\U000e0042hidden",
    "‹›＆",
]
HOSTILE = st.one_of(
    st.sampled_from(ATTACKS),
    st.text(max_size=400),
    st.tuples(st.sampled_from(ATTACKS), st.text(max_size=50)).map("".join),
)
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
TAGS = frozenset(
    {"html", "head", "meta", "title", "style", "body", "table", "tr", "td", "th", "div", "p"}
    | {"span", "b", "br", "h1", "h2", "bdi", "img", "blockquote", "a"}
)


class Reader(HTMLParser):
    """What a browser would make of it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"href", "src"}:
                self.links.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def attacked(text: str, url: str) -> Brief:
    hostile = post(text, author=text[:300], source=text[:100], url=url, copies=3)
    why = evidence(
        posts=[hostile, hostile],
        terms=[Term(text=text[:200], count=3, before=0.1, score=3)],
        first=hostile,
        sources=[(text[:100], 3)],
        countries=[],
    )
    one = incident(
        kind="rule", rule=text, author=text, topic=text, resolved_by=text, source=text, evidence=why
    )
    return Brief(incident=one, topic_name=text, base_url="https://veille.example.org")


PLAIN_TAGS = read(compose(attacked("plain", "https://example.org/")).html).tags


@settings(deadline=None, max_examples=150)
@given(HOSTILE, st.one_of(HOSTILE, st.just("https://example.org/1")))
def test_hostile_text_stays_text(text: str, url: str) -> None:
    message = compose(attacked(text, url))
    found = read(message.html)
    assert set(found.tags) <= TAGS
    assert len(found.tags) <= len(PLAIN_TAGS)
    assert not found.handlers
    assert all(re.match(r"https?://|cid:chart\.png$", link) for link in found.links)
    for form in (message.subject, message.text, message.short, message.html):
        assert not CONTROL.search(form)
    assert "\n" not in message.subject
    assert len(message.subject) <= 160
    assert len(message.text) < 10_000
    assert len(message.html) < 60_000
    told = message.short.replace(message.links.get("link.posts", ""), "")
    told = re.sub(r"https://veille\.example\.org/\S*", "", told)
    assert not re.search(r"[<>`*|]|\]\(|(?i:javascript:|data:|https?:)|@(?=\w)", told)


@settings(deadline=None, max_examples=60)
@given(HOSTILE)
def test_hostile_names_stay_text_in_digests(text: str) -> None:
    message = compose_digest(
        DigestBrief(
            period="daily",
            since=NOON - timedelta(days=1),
            until=NOON,
            incidents=[incident(topic=text, rule=text, kind="rule")],
            topics=[TopicLine(topic=text, total=3)],
            names={text: text},
            base_url="https://veille.example.org",
        )
    )
    found = read(message.html)
    assert set(found.tags) <= TAGS
    assert all(link.startswith("https://veille.example.org/") for link in found.links)
    assert not CONTROL.search(message.subject + message.text + message.short + message.html)


@settings(deadline=None, max_examples=80)
@given(HOSTILE, HOSTILE)
def test_headers_cannot_be_injected(subject: str, text: str) -> None:
    message = compose(attacked(subject, ""))
    mail = build(
        subject=message.subject,
        text=message.text,
        html=message.html,
        png=b"",
        sender=("Veille", "veille@example.org"),
        to=[("", "ops@example.org")],
        copies=[],
        answer_to=[],
        key=text,
    )
    raw = mail.as_bytes()
    head = raw.partition(b"\r\n\r\n")[0]
    names = re.findall(rb"^([A-Za-z-]+):", head, re.M)
    assert sorted(set(names)) == sorted(names), "none twice"
    assert b"Bcc" not in names
    assert mail["To"] == "ops@example.org"


@given(HOSTILE)
def test_links_are_to_the_web_or_none(text: str) -> None:
    found = address(text)
    assert not found or re.fullmatch(r"https?://[^\s<>\"'`]+", found)


@given(HOSTILE, st.integers(10, 200))
def test_lines_are_bounded_and_seen(text: str, limit: int) -> None:
    for clean in (inline, for_chat):
        made = clean(text, limit)
        assert "\n" not in made
        assert not CONTROL.search(made)
        assert len(made.replace("\u2060", "")) <= limit
