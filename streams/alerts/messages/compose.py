"""A brief becomes a message."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2
import msgspec

from streams.alerts.acts import STAFF
from streams.alerts.messages import chart
from streams.alerts.messages.brief import Brief, Message
from streams.alerts.messages.harmless import address, for_chat, inline
from streams.alerts.messages.language import Words
from streams.alerts.messages.links import incident_link, posts_link
from streams.alerts.messages.sparkline import sparkline
from streams.alerts.records import BUCKET_SECONDS, KeyPost

SUBJECT: Final = 160
SHORT: Final = 1_500
CHART_NAME: Final = "chart.png"
COLOURS: Final = {"low": "#5f6b7a", "medium": "#a15c00", "high": "#c2410c", "critical": "#b3123f"}

Clean = Callable[[str, int], str]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A post as a message shows it."""

    who: str
    about: str
    text: str
    url: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Every sentence of a message, in its language, in the order they are read."""

    label: str
    headline: str
    event: str
    since: str
    notes: list[str]
    spark: str
    bars: str
    """What the spark's bars are; `chart`, what the picture's are."""
    chart: str
    posts: list[Line]
    terms: list[str]
    spread: str
    started: str
    places: str


def compose(brief: Brief) -> Message:
    """The message in all its forms. Whatever is in the brief, links are http(s) and markup is
    ours. Pure; some 2 ms."""
    words = Words(brief.language, brief.zone)
    plain = gather(brief, words, inline)
    links = {
        "link.incident": address(incident_link(brief.base_url, brief.incident)),
        "link.posts": address(posts_link(brief.base_url, brief.incident)),
    }
    links = {name: url for name, url in links.items() if url}
    return Message(
        subject=subject(plain),
        text=_text(plain, words, links),
        short=_short(gather(brief, words, for_chat), words, links),
        html=_html(brief, plain, words, links),
        chart=chart.definition(brief),
        links=links,
    )


def subject(facts: Facts) -> str:
    return inline(_first_line(facts), SUBJECT)


def _first_line(facts: Facts) -> str:
    event = f"{facts.event}. " if facts.event else ""
    return f"[{facts.label}] {event}{facts.headline}"


def gather(brief: Brief, words: Words, clean: Clean) -> Facts:
    """All that is said, with what others wrote made harmless by `clean`."""
    found, usual = brief.incident.evidence, chart.usual_a_bar(brief)
    spread = [words.many("stories", found.stories), words.many("authors", found.authors)]
    if found.authors:
        spread[1] += ", " + words.many("new_authors", found.new_authors)
    if found.reach:
        spread.append(words.many("reach", found.reach))
    terms = [
        words.say(
            "term",
            term=words.quote(clean(term.text, 60)),
            seen=words.number(term.count),
            before=words.number(term.before),
        )
        for term in found.terms
    ]
    return Facts(
        label=words.say(f"severity.{brief.incident.severity}"),
        headline=headline(brief, words, clean),
        event=words.say(f"event.{brief.event}"),
        since=_since(brief, words),
        notes=_notes(brief, words, clean),
        spark=sparkline([brief.height(bucket) for bucket in brief.series]),
        bars=_bars(brief, words, "chart.plain"),
        chart=_bars(brief, words, "chart.plain" if usual is None else "chart"),
        posts=[_post(post, brief, words, clean) for post in found.posts],
        terms=terms,
        spread="; ".join(spread) if found.stories else "",
        started=_started(brief, words, clean),
        places="; ".join(
            _places(places, words, clean) for places in (found.sources, found.countries) if places
        ),
    )


def headline(brief: Brief, words: Words, clean: Clean = inline) -> str:
    incident = brief.incident
    return words.say(
        f"headline.{incident.kind}",
        topic=_subject(brief, words, clean),
        mentions=words.many(
            f"mentions.{brief.measured}" if brief.measured else "mentions", incident.observed
        ),
        span=words.span(_length(brief)),
        expected=words.many("about", incident.expected),
        author=clean(incident.author, 80) or words.say("anonymous"),
        rule=words.quote(clean(incident.rule, 120)),
    )


def _subject(brief: Brief, words: Words, clean: Clean) -> str:
    title = clean(brief.title, 80)
    return words.say("subject.source", source=title) if brief.incident.source else title


def _length(brief: Brief) -> timedelta:
    incident = brief.incident
    least = timedelta(seconds=BUCKET_SECONDS)
    return max(incident.until - incident.began_at, least)


def _since(brief: Brief, words: Words) -> str:
    incident = brief.incident
    since = words.moment(incident.began_at)
    if brief.event in {"resolved", "withdrawn"}:
        until = words.moment(incident.resolved_at or incident.until, incident.began_at)
        return words.say("over", since=since, until=until, zone=words.zone)
    noticed = _at(incident.opened_at, incident.began_at, words)
    return words.say("since", since=since, zone=words.zone, noticed=noticed)


def _at(moment: datetime, beside: datetime, words: Words) -> str:
    same = words.local(moment).date() == words.local(beside).date()
    return words.say("at.clock" if same else "at.day", when=words.moment(moment, beside))


def _notes(brief: Brief, words: Words, clean: Clean) -> list[str]:
    incident = brief.incident
    notes = [brief.note] if brief.note else []
    if brief.event == "escalated":
        waited = words.span(timedelta(minutes=brief.waited))
        notes.append(words.say("escalated", waited=waited))
    if brief.event == "withdrawn":
        notes.append(words.say("withdrawn"))
    if incident.share:
        share, usual = words.percent(incident.share), words.percent(incident.usual_share)
        notes.append(words.say("share", share=share, usual=usual))
    if incident.resolved_by:
        by = incident.resolved_by
        who = words.say("staff") if by == STAFF else clean(by, 80)
        notes.append(words.say("resolved.by", by=who))
    return notes


def _bars(brief: Brief, words: Words, phrase: str) -> str:
    if not brief.series:
        return ""
    measured = words.say(f"measured.{brief.measured or 'total'}")
    return words.say(phrase, measured=measured, step=words.span(brief.step))


def _post(post: KeyPost, brief: Brief, words: Words, clean: Clean) -> Line:
    about = [words.many("followers", post.followers)] if post.followers else []
    about += [clean(post.source, 60)] if post.source else []
    about.append(words.moment(post.created_at, brief.incident.began_at))
    if post.copies > 1:
        about.append(words.many("copies", post.copies))
    return Line(
        who=_who(post, words, clean),
        about=", ".join(about),
        text=clean(post.text, 400),
        url=address(post.url),
    )


def _who(post: KeyPost, words: Words, clean: Clean) -> str:
    return clean(post.author, 80) or words.say("anonymous")


def _started(brief: Brief, words: Words, clean: Clean) -> str:
    found = brief.incident.evidence
    if found.first is None:
        return ""
    told = {
        "author": _who(found.first, words, clean),
        "when": words.moment(found.first.created_at, brief.incident.began_at),
        "text": words.quote(clean(found.first.text, 140)),
    }
    if found.first.copies > 1 or not found.terms:
        return words.say("started", **told)
    return words.say("earliest", term=words.quote(clean(found.terms[0].text, 60)), **told)


def _places(places: list[tuple[str, int]], words: Words, clean: Clean) -> str:
    return ", ".join(f"{clean(name, 60)} {words.number(many)}" for name, many in places)


def _text(facts: Facts, words: Words, links: dict[str, str]) -> str:
    blocks = [[subject(facts)], [facts.since, *facts.notes]]
    if facts.spark:
        blocks.append([facts.spark, facts.bars])
    if facts.posts:
        blocks.append([_label(words, "posts", "").rstrip()])
        for number, post in enumerate(facts.posts, 1):
            told = [f"{number}. {post.who} ({post.about})", f"   {words.quote(post.text)}"]
            blocks[-1] += [*told, f"   {post.url}"] if post.url else told
    blocks.append(_why(facts, words, most=8))
    blocks.append([_label(words, name, url) for name, url in links.items()])
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _label(words: Words, phrase: str, value: str) -> str:
    return words.say("label", name=words.say(phrase), value=value)


def _why(facts: Facts, words: Words, *, most: int) -> list[str]:
    told = []
    if facts.terms:
        told.append(_label(words, "terms", "; ".join(facts.terms[:most])))
    told += [each for each in (facts.spread, facts.started) if each]
    if facts.places:
        told.append(_label(words, "where", facts.places))
    return told


def _short(facts: Facts, words: Words, links: dict[str, str]) -> str:
    """For chats: the headline, why, the first post, where to look."""
    rows = [_first_line(facts), facts.since, *facts.notes]
    if facts.spark:
        rows.append(f"{facts.spark} {facts.bars}")
    if facts.posts:
        first = facts.posts[0]
        who = f"{first.who} ({first.about})"
        rows.append(words.say("label", name=who, value=words.quote(first.text[:200])))
    rows += _why(facts, words, most=3)
    room = SHORT - sum(len(url) + 40 for url in links.values())
    told = "\n".join(rows)
    told = told if len(told) <= room else told[: room - 1].rstrip() + "…"
    return "\n".join([told, *(_label(words, name, url) for name, url in links.items())])


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: Any) -> str:
    """A template of ours with values that it escapes."""
    return _templates().get_template(template).render(**values)


def _footer(brief: Brief, words: Words) -> str:
    title = words.quote(inline(brief.title, 80))
    if brief.incident.source:
        return words.say("footer.source", source=title)
    return words.say("footer", topic=title)


def _html(brief: Brief, facts: Facts, words: Words, links: dict[str, str]) -> str:
    return render(
        "incident.html",
        language=words.language,
        title=subject(facts),
        facts=facts,
        links=[(words.say(name), url) for name, url in links.items()],
        colour=COLOURS[brief.incident.severity],
        chart=f"cid:{CHART_NAME}" if chart.definition(brief) else "",
        width=chart.WIDTH,
        observed=words.number(brief.incident.observed),
        expected=words.number(brief.incident.expected),
        span=words.span(_length(brief)),
        counted=chart.usual_a_bar(brief) is not None,
        kind=words.say(f"kind.{brief.incident.kind}"),
        footer=_footer(brief, words),
        say=words.say,
        where=_label(words, "where", facts.places),
    )
