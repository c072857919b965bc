"""Exports as other tools write them, invented rows under their real names of columns."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Final

BRANDWATCH: Final = """\
Report:,Bulk Mentions Download
Brand:,Acme
From:,"Sun Mar 01 00:00:00 UTC 2026"
To:,"Mon Mar 02 00:00:00 UTC 2026"
Label:,"History, all"

Query Id,Query Name,Date,Title,Snippet,Url,Domain,Sentiment,Page Type,Language,Country Code,Author,Full Name,Full Text,Twitter Followers,Resource Id
1,Acme,2026-03-01 09:30:00.0,,Acme charged my,https://twitter.com/lucy_b/statuses/1600000000000000001,twitter.com,negative,twitter,en,GB,'@lucy_b,Lucy,Acme charged my card twice &amp; nobody answers,"18,400",1600000000000000001
1,Acme,2026-03-01 10:30:00.0,Acme refunds,Only a snippet,https://news.example.org/a/1,news.example.org,neutral,news,en,GB,Desk,,,N/A,8123
"""  # noqa: E501

TALKWALKER: Final = """\
url,published,title,content,lang,source_type,sentiment,extra_author_attributes.name,extra_source_attributes.world_data.country,article_extended_attributes.youtube_views,images.url
https://www.youtube.com/watch?v=dQw4w9WgXcQ,2026-03-01 09:30:00,Acme,A film about Acme,en,"SOCIALMEDIA,SOCIALMEDIA_YOUTUBE",5,Film Desk,United States,1200,https://i.example.org/1.jpg
https://presse.example.org/1,2026-03-01 09:30:00,Acme,Acme en retard,fr,"ONLINENEWS,ONLINENEWS_PRESS",-5,Le Bureau,France,,
"""  # noqa: E501

MELTWATER: Final = (
    "Date\tHeadline\tURL\tOpening Text\tHit Sentence\tSource\tInfluencer\tCountry\tLanguage\t"
    "Reach\tSentiment\tTime\r\n"
    "01-Mar-2026 09:30AM\t\thttps://twitter.com/acme/status/1600000000000000009\tAcme is late\t"
    "nobody at the counter\tTwitter\t@ann\tUnited States\tEnglish\t1000\tNegative\t9:30 AM\r\n"
    "02-Mar-2026\tA route\thttps://news.example.org/2\tAcme opens a new route\t"
    "opens a new route\tThe Herald\tJ. Doe\tUnited States\tEnglish\t5000\tPositive\t3:05 PM\r\n"
)

_ONE: Final = (
    "01.03.2026;09:30;;Опять опоздали;{kind};https://vk.com/wall-12_345?reply=678;{mood};Анна П.;"
    "https://vk.com/id1;1 200;vk.com;Паблик;https://vk.com/club12;{where};{country}\n"
)
YOUSCAN: Final = {
    "en": "Date;Time;Title;Text;Post type;URL;Sentiment;Author;Profile;Subscribers;Source;"
    "Publication place;Publication place profile;Resource type;Country\n"
    + _ONE.format(kind="Comment", mood="negative", where="social", country="Russia"),
    "ru": "Дата;Время;Заголовок;Текст;Тип поста;URL;Тональность;Автор;Профиль;Подписчики;Источник;"
    "Место публикации;Профиль места публикации;Тип источника;Страна\n"
    + _ONE.format(kind="Комментарий", mood="негативная", where="соцсети", country="Россия"),
}

BRAND_ANALYTICS: Final = """\
Тема: Acme
Период: 01.03.2026 - 02.03.2026

Дата;Текст;Hash сообщения;ID сообщения;Источник;Url;Тип источника;Тип сообщения;Автор;Url автора;Место публикации;Url места публикации;Аудитория;Оценка;Тональность;Страна;Обработано;Docke
01.03.2026 09:30;Кровля течёт;h1;m1;vk.com;https://vk.com/wall-1_2;Соцсети;Пост;Автор;https://vk.com/id1;Паблик про кровлю;https://vk.com/club1;10 000;;негатив;Россия;Да;Docke
01.03.2026 10:30;Плохой магазин;h2;m2;otzovik.com;https://otzovik.com/review_1.html;Отзывы;Отзыв;Ольга;;;;;2;негатив;Россия;Нет;
"""  # noqa: E501

FOUR_CAT: Final = """\
id,thread_id,author,body,timestamp,unix_timestamp,views
acme/1,acme/1,ann,Acme again,2026-03-01 09:30:00,1772357400,12
acme/2,acme/1,bob,Not again,2026-03-01 09:31:00,1772357460,3
"""


def brandwatch(rows: int, *, seed: int = 1) -> Iterator[str]:
    """The lines of an export of three years: one row of ten names Acme, two of three stand at X,
    some have quotes, line ends and entities in their cells."""
    random, begin = Random(seed), datetime(2023, 1, 1)  # noqa: DTZ001 # as the tool writes it
    words, out = _SAID.split(), io.StringIO()
    writer = csv.writer(out)
    head, names = BRANDWATCH.split("\n\n", 1)
    yield f"{head}\n\n{names.partition(chr(10))[0]}\n"
    for number in range(rows):
        text = " ".join(random.choices(words, k=random.randint(10, 40)))
        if number % 10 == 0:
            text = f"Acme {text}"
        if number % 50 == 7:
            text += '\nagain: "never" &amp; so on'
        at_x = number % 3 > 0
        url = (
            f"https://twitter.com/u{number % 997}/statuses/{16 * 10**17 + number}"
            if at_x
            else f"https://news{number % 50}.example.org/{number}"
        )
        when = (begin + timedelta(seconds=number * 900.5)).isoformat(" ", "seconds")
        kind = "twitter" if at_x else "news"
        followers = f"{number % 5000:,}"
        writer.writerow(
            [1, "Acme", f"{when}.0", "" if at_x else f"On {text[:30]}", text[:60], url,
             url.split("/")[2], "negative", kind, "en", "GB", f"u{number % 997}", "A Name", text,
             followers, number]
        )  # fmt: skip
        if number % 1_000 == 999:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


_SAID: Final = (
    "the service was late again and nobody answered at the counter we waited for hours while staff "
    "smiled great food lovely room awful noise price flight ticket refund support chat call email "
    "bag seat train airport hotel"
)
