"""An invented incident, to try a channel with. It says of itself that it is a test."""

from datetime import datetime, timedelta
from typing import Final

from streams.alerts.channel import Delivery
from streams.alerts.messages.brief import Brief, Message
from streams.alerts.messages.compose import compose
from streams.alerts.messages.language import Language, Words
from streams.alerts.notices import key_of
from streams.alerts.records import Evidence, Incident, KeyPost, Term
from streams.store.port import Bucket

_STEP: Final = timedelta(minutes=15)
_COUNTS: Final = (2, 1, 0, 2, 3, 1, 2, 1, 2, 3, 2, 1, 2, 3, 9, 14, 17, 12)
_POSTS: Final[dict[Language, tuple[tuple[str, str, int], ...]]] = {
    "en": (
        (
            "lucy_b",
            "Paid twice on Acme checkout, and support has been silent for hours.",
            18400,
        ),
        ("tomorrow_news", "Acme's checkout charges some customers twice, users report.", 52100),
        ("n_okafor", "@acme same here, double charge. Refund please?", 310),
    ),
    "fr": (
        (
            "lucie_b",
            "Payé deux fois chez Acme, et le support ne répond plus.",
            18400,
        ),
        ("demain_infos", "Chez Acme, des clients sont débités deux fois.", 52100),
        ("n_okafor", "@acme pareil ici, double débit. Remboursement ?", 310),
    ),
    "ru": (
        ("lusya_b", "Acme списала деньги дважды, поддержка молчит уже два часа.", 18400),
        ("novosti_zavtra", "Клиенты Acme жалуются на двойное списание.", 52100),
        ("n_okafor", "@acme у меня тоже двойное списание. Верните деньги!", 310),
    ),
}
_TERMS: Final[dict[Language, tuple[str, str]]] = {
    "en": ("charged twice", "refund"),
    "fr": ("débit double", "remboursement"),
    "ru": ("двойное списание", "верните"),
}


def sample_incident(now: datetime, language: Language) -> Incident:
    """A negative spike of an invented brand that began an hour before `now`."""
    began = _began(now)
    posts = [
        KeyPost(
            mention_id=f"sample-{index}",
            source="sample",
            author=author,
            followers=followers,
            text=text,
            created_at=began + timedelta(minutes=9 * index + 4),
            copies=6 if index == 0 else 1,
            tone="neg",
        )
        for index, (author, text, followers) in enumerate(_POSTS[language])
    ]
    first, second = _TERMS[language]
    return Incident(
        id="sample",
        topic="acme",
        kind="negative-spike",
        severity="high",
        opened_at=began + timedelta(minutes=20),
        began_at=began,
        until=began + timedelta(hours=1),
        observed=52,
        expected=7.4,
        score=9.1,
        share=0.81,
        usual_share=0.22,
        evidence=Evidence(
            posts=posts,
            terms=[
                Term(text=first, count=31, before=0.4, score=9.8),
                Term(text=second, count=17, before=1.2, score=6.1),
            ],
            stories=33,
            authors=47,
            new_authors=29,
            first=posts[0],
            sources=[("sample", 52)],
            countries=[("FR", 31), ("BE", 9)],
            reach=84_210,
        ),
    )


def sample_message(now: datetime, language: Language, zone: str, channel: str) -> Message:
    """The test message of a channel, in every form."""
    incident = sample_incident(now, language)
    began = incident.began_at
    series = [
        Bucket(start=began - _STEP * (len(_COUNTS) - 4 - index), total=many + 3, neg=many, neu=3)
        for index, many in enumerate(_COUNTS)
    ]
    note = Words(language, zone).say("test", channel=channel)
    brief = Brief(
        incident=incident,
        event="test",
        topic_name="Acme",
        series=series,
        step=_STEP,
        language=language,
        zone=zone,
        note=note,
    )
    return compose(brief)


def sample_delivery(now: datetime, language: Language, zone: str, channel: str) -> Delivery:
    """The same, ready to send. Programs know it by its event, `test`."""
    return Delivery(
        key=key_of("test", channel, now.isoformat()),
        event="test",
        message=sample_message(now, language, zone, channel),
        severity="high",
        payload={"test": True},
    )


def _began(now: datetime) -> datetime:
    quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    return quarter - timedelta(hours=1)
