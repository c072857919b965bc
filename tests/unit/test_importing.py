"""Exports of other tools, read: encodings, where tables begin, times, ids, profiles."""

import asyncio
import codecs
import csv
import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import xlsxwriter

from connectors.errors import BadSettings, Fatal
from connectors.post import Post
from streams.errors import ConfigError
from streams.importing.cells import clean, count, country, language
from streams.importing.identity import identity_of
from streams.importing.job import Item
from streams.importing.layout import unique
from streams.importing.moments import Moments, order_of
from streams.importing.opening import guess_encoding, local
from streams.importing.profiles import load_profile, profiles_in, save_profile
from streams.importing.reading import Plan, Wanted, items_of, plan
from tests.support.exports import (
    BRAND_ANALYTICS,
    BRANDWATCH,
    FOUR_CAT,
    MELTWATER,
    TALKWALKER,
    YOUSCAN,
)

PROFILES = profiles_in()
UTC_ZONE = ZoneInfo("UTC")


def written(rows: Sequence[Sequence[str]], delimiter: str = ",", end: str = "\r\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    return out.getvalue()


def read(path: Path, raw: bytes, **wanted: object) -> tuple[Plan, list[Item]]:
    path.write_bytes(raw)
    found = plan(path, "x.csv", Wanted(**wanted), PROFILES)  # type: ignore[arg-type]

    async def items() -> list[Item]:
        return [one async for some in items_of(found) for one in some]

    return found, asyncio.run(items())


def posts(items: Sequence[Item]) -> list[Post]:
    assert not [str(one.dead) for one in items if one.dead]
    return [one.post for one in items if one.post]


PLAIN = [["date", "text", "author"], ["2026-03-01 10:00", "Ça va, été à l'hôtel", "ann"]]


@pytest.mark.parametrize(
    ("encoding", "delimiter", "mark"),
    [
        ("utf-8", ",", b""),
        ("utf-8", ";", codecs.BOM_UTF8),
        ("utf-16-le", "\t", codecs.BOM_UTF16_LE),
        ("utf-16-be", "\t", codecs.BOM_UTF16_BE),
        ("utf-16-le", ",", b""),
        ("windows-1252", ";", b""),
        ("utf-8", "|", b""),
    ],
)
def test_any_encoding_and_separator(
    tmp_path: Path, encoding: str, delimiter: str, mark: bytes
) -> None:
    raw = mark + written(PLAIN, delimiter).encode(encoding)
    found, items = read(tmp_path / "x.csv", raw)
    assert found.layout.columns == ("date", "text", "author")
    (one,) = posts(items)
    assert one.text == "Ça va, été à l'hôtel"
    assert one.author.handle == "ann"
    assert one.created_at == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_cyrillic_of_windows_and_a_broken_byte_in_utf8() -> None:
    text = "Дата;Текст\n01.03.2026;сервис опять не работает\n"
    assert guess_encoding(text.encode("windows-1251")) == "windows-1251"
    assert guess_encoding(text.encode() * 20 + b"\xff\n") == "utf-8"


def test_a_broken_row_costs_that_row_alone(tmp_path: Path) -> None:
    rows = [f"2026-03-01,text {number},ann\n".encode() for number in range(40)]
    rows[7] = b"2026-03-01,\xff\xfe broken \xc3\xa9,ann\n"
    rows[9] = b"2026-03-01,too,many,cells\n"
    rows[11] = b"2026-03-01,few\n"
    rows[13] = b"yesterday or so,text,ann\n"
    rows[15] = b'2026-03-01,"cells with\na line end and ""quotes""",ann\n'
    rows[17] = b'2026-03-01,"Acme" is bad,ann\n'
    rows[19] = b"2026-03-01,a \x00NUL,ann\n"
    rows[21] = b"2026-03-01," + b"x" * 2_000_000 + b",ann\n"
    rows[23] = b"2026-03-01,,ann\n"
    raw = b"date,text,author\n" + b"".join(rows)
    _, items = read(tmp_path / "x.csv", raw)
    dead = {one.position: str(one.dead) for one in items if one.dead}
    assert dead.keys() == {8, 10, 14, 22, 24}
    assert dead[8] == "not UTF-8"
    assert dead[10] == "4 cells, where there are 3 columns"
    assert "'yesterday or so' is not a time" in dead[14]
    assert "1 MiB" in dead[22]
    assert dead[24] == "no text in text"
    texts = {one.position: one.post.text for one in items if one.post}
    assert texts[16] == 'cells with\na line end and "quotes"'
    assert texts[18] == '"Acme" is bad'
    assert texts[20] == "a NUL"
    assert texts[12] == "few"
    where = next(one.dead.place for one in items if one.dead and one.position == 24)
    assert where == "x.csv:26"


def test_traces_of_spreadsheets() -> None:
    assert clean("'=1+1", entities=True) == "=1+1"
    assert clean("'@acme", entities=True) == "@acme"
    assert clean("'tis late", entities=True) == "'tis late"
    assert clean('=HYPERLINK("https://a.example/1"; "link")', entities=True) == (
        "https://a.example/1"
    )
    assert clean('="0012"', entities=True) == "0012"
    assert clean("a &amp;amp; b &#39;c&#39;", entities=True) == "a &amp; b 'c'"
    assert unique(["Country", "", "Country", "Country"]) == (
        "Country", "column 2", "Country (2)", "Country (3)",
    )  # fmt: skip
    told = ("1,234", "1 234", "1.2K", "12", "3,4 тыс.", "2M", "1.234.567", "many", "-5", "")
    assert [count(one) for one in told] == (
        [1234, 1234, 1200, 12, 3400, 2_000_000, 1234567, None, None, None]
    )
    assert [language(one) for one in ("en", "English", "русский", "pt-BR", "français", "??")] == (
        ["en", "en", "ru", "pt", "fr", ""]
    )
    assert [country(one) for one in ("us", "Russia", "Франция", "USA", "Allemagne", "?")] == (
        ["US", "RU", "FR", "US", "DE", ""]
    )


def test_times_of_a_zone_of_their_own() -> None:
    moscow = Moments(["%d.%m.%Y %H:%M"], ZoneInfo("Europe/Moscow"))
    assert moscow.read("01.03.2026 09:30") == datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
    assert moscow.read("2026-03-01T09:30:00Z") == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert moscow.read("46082.5") == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert moscow.read("1772357400") == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert moscow.read("1 March 2026 09:30") == datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
    paris = Moments([], ZoneInfo("Europe/Paris"))
    assert paris.read("2026-07-01 12:00") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert paris.read("2026-01-01 12:00") == datetime(2026, 1, 1, 11, tzinfo=UTC)


def test_a_date_that_may_be_two_is_not_guessed() -> None:
    moments = Moments([], UTC_ZONE)
    with pytest.raises(ValueError, match=r"day or month first\? Remedy: --date-format"):
        moments.read("03/04/2026 10:00")
    assert moments.read("13/04/2026 10:00") == datetime(2026, 4, 13, 10, tzinfo=UTC)
    assert order_of(["03/04/2026", "04/13/2026"]) == "month"
    assert order_of(["03/04/2026", "13/04/2026"]) == "day"
    assert order_of(["14/04/2026", "04/13/2026"]) == ""
    american = Moments([], UTC_ZONE, "month")
    assert american.read("03/04/2026 3:05 PM") == datetime(2026, 3, 4, 15, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://twitter.com/acme/status/1234567890?s=20", "x:1234567890"),
        ("https://x.com/i/web/status/12", "x:12"),
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=3", "youtube:dQw4w9WgXcQ"),
        ("https://youtu.be/dQw4w9WgXcQ", "youtube:dQw4w9WgXcQ"),
        (
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ&lc=UgzY1n7abcdefghijkl4AaABAg",
            "youtube:UgzY1n7abcdefghijkl4AaABAg",
        ),
        ("https://www.reddit.com/r/air/comments/1abc/late_again/", "reddit:t3_1abc"),
        ("https://old.reddit.com/r/air/comments/1abc/late_again/k9z/", "reddit:t1_k9z"),
        ("https://vk.com/wall-12_345", "vk:-12_345"),
        ("https://vk.com/wall-12_345?reply=678&thread=1", "vk:-12_678"),
        ("https://vk.com/feed?w=wall12_3", "vk:12_3"),
        ("https://t.me/Acme_News/77", "telegram:acme_news/77"),
        ("https://ok.ru/group/123/topic/456", "ok:456"),
        ("https://www.instagram.com/p/CxYz_12/", "instagram:CxYz_12"),
        ("https://news.ycombinator.com/item?id=42", "hackernews:42"),
        ("https://bsky.app/profile/did:plc:abcdefg/post/3kabcdef",
         "bluesky:at://did:plc:abcdefg/app.bsky.feed.post/3kabcdef"),
        ("https://www.facebook.com/12345/posts/67890", "facebook:12345_67890"),
        ("https://www.tiktok.com/@a.b/video/7123456789012345678", "tiktok:7123456789012345678"),
        ("https://twitter.com/acme", ""),
        ("https://example.org/watch?v=dQw4w9WgXcQ", ""),
        ("https://[broken/wall", ""),
        ("javascript:alert(1)", ""),
    ],
)  # fmt: skip
def test_an_address_names_the_post_as_its_connector_does(url: str, expected: str) -> None:
    found = identity_of(url)
    assert (found.id if found else "") == expected


def test_brandwatch(tmp_path: Path) -> None:
    found, items = read(tmp_path / "x.csv", BRANDWATCH.encode())
    assert (found.profile.id, found.layout.skip) == ("brandwatch", 7)
    tweet, news = posts(items)
    assert (tweet.id, tweet.source, tweet.kind) == ("x:1600000000000000001", "x", "post")
    assert tweet.created_at == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert (tweet.author.handle, tweet.author.followers) == ("lucy_b", 18_400)
    assert (tweet.lang, tweet.place and tweet.place.country) == ("en", "GB")
    assert tweet.text == "Acme charged my card twice & nobody answers"
    assert tweet.extra["Sentiment"] == "negative"
    assert tweet.extra["Query Name"] == "Acme"
    assert (news.id, news.kind) == ("brandwatch:brandwatch/8123", "article")
    assert news.title == "Acme refunds"
    assert news.text == "Only a snippet"


def test_talkwalker(tmp_path: Path) -> None:
    found, items = read(tmp_path / "x.csv", TALKWALKER.encode())
    assert found.profile.id == "talkwalker"
    tube, press = posts(items)
    assert (tube.id, tube.kind, tube.engagement.views) == ("youtube:dQw4w9WgXcQ", "video", 1200)
    assert (press.source, press.kind) == ("talkwalker", "article")
    assert press.place
    assert press.place.country == "FR"


def test_meltwater_in_utf16(tmp_path: Path) -> None:
    raw = codecs.BOM_UTF16_LE + MELTWATER.encode("utf-16-le")
    found, items = read(tmp_path / "x.csv", raw, zone="America/New_York")
    assert (found.profile.id, found.encoding) == ("meltwater", "utf-16")
    first, second = posts(items)
    assert first.created_at == datetime(2026, 3, 1, 14, 30, tzinfo=UTC)
    assert first.text == "Acme is late … nobody at the counter"
    assert (first.id, first.source) == ("x:1600000000000000009", "x")
    assert second.created_at == datetime(2026, 3, 2, 20, 5, tzinfo=UTC)
    assert second.text == "Acme opens a new route"


@pytest.mark.parametrize("language_of_names", ["en", "ru"])
def test_youscan(tmp_path: Path, language_of_names: str) -> None:
    found, items = read(tmp_path / "x.csv", YOUSCAN[language_of_names].encode("utf-8-sig"))
    assert found.profile.id == "youscan"
    (one,) = posts(items)
    assert (one.id, one.kind) == ("vk:-12_678", "comment")
    assert one.created_at == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert (one.author.name, one.author.followers) == ("Анна П.", 1200)


def test_brand_analytics(tmp_path: Path) -> None:
    found, items = read(tmp_path / "x.csv", BRAND_ANALYTICS.encode("windows-1251"))
    assert (found.profile.id, found.encoding) == ("brand-analytics", "windows-1251")
    first, second = posts(items)
    assert first.created_at == datetime(2026, 3, 1, 6, 30, tzinfo=UTC)  # Moscow
    assert (first.id, first.author.followers) == ("vk:-1_2", 10_000)
    assert first.extra["Docke"] == "Docke"
    assert (second.kind, second.rating and second.rating.value) == ("review", 2.0)
    assert second.id == "brand-analytics:brand-analytics/m2"


def test_4cat(tmp_path: Path) -> None:
    found, items = read(tmp_path / "x.csv", FOUR_CAT.encode(), source="telegram")
    assert found.profile.id == "4cat"
    first, second = posts(items)
    assert (first.id, first.text) == ("telegram:acme/1", "Acme again")
    assert second.thread_id == "telegram:acme/1"
    assert second.id == "telegram:acme/2"


def test_columns_of_usual_names_and_those_that_a_person_names(tmp_path: Path) -> None:
    raw = written([["When", "What", "Who", "Mood"], ["2026-03-01", "late", "ann", "bad"]]).encode()
    with pytest.raises(BadSettings, match="no column holds the text"):
        read(tmp_path / "x.csv", raw)
    maps = ("text=What", "created_at=When", "author.handle=Who")
    found, items = read(tmp_path / "x.csv", raw, maps=maps, source="letters")
    (one,) = posts(items)
    assert (one.source, one.text, one.extra) == ("letters", "late", {"Mood": "bad"})
    assert one.id.startswith("letters:")
    again = posts(read(tmp_path / "y.csv", raw, maps=maps, source="letters")[1])
    assert again[0].id == one.id
    save_profile(found.profile, tmp_path / "mine.yaml")
    assert load_profile(tmp_path / "mine.yaml") == found.profile
    with pytest.raises(BadSettings, match="no column 'Nope'"):
        read(tmp_path / "x.csv", raw, maps=("text=Nope",))
    with pytest.raises(BadSettings, match="FIELD=COLUMN"):
        read(tmp_path / "x.csv", raw, maps=("mood=Mood",))


def test_every_profile_says_what_is_known_and_what_is_guessed() -> None:
    assert {"brandwatch", "talkwalker", "meltwater", "youscan", "brand-analytics", "4cat"} <= (
        PROFILES.keys()
    )
    for profile in PROFILES.values():
        assert profile.documented
        assert profile.guessed
        assert profile.recognise


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: x\ncolumns: {mood: [a]}", "no field 'mood'"),
        ("id: x\nvalues: {kind: {a: tweet}}", "no kind 'tweet'"),
        ("id: x\nzone: Mars/Base", "no time zone"),
        ("id: x\ncolums: {}", "colums"),
        ("id: [", "Remedy"),
        ("name: x", "id"),
    ],
)
def test_a_wrong_profile_is_told_by_file_and_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_profile(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_a_workbook_is_read_as_its_largest_sheet(tmp_path: Path) -> None:
    path = tmp_path / "mentions.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("About").write("A1", "an export")
        sheet = book.add_worksheet("Mentions")
        days = book.add_format({"num_format": "dd.mm.yyyy"})
        hours = book.add_format({"num_format": "hh:mm"})
        names = ("Date", "Time", "Text", "Post type", "URL", "Saved at", "Resource type", "Author")
        sheet.write_row("A3", names)
        for row in (3, 4):
            sheet.write_datetime(row, 0, datetime(2026, 3, 1), days)  # noqa: DTZ001
            sheet.write_datetime(row, 1, datetime(1900, 1, 1, 9, 30), hours)  # noqa: DTZ001
            sheet.write_string(row, 2, "Acme опоздала\nснова <b>" if row == 3 else "=SUM(1)")
            sheet.write_string(row, 3, "Comment")
            sheet.write_formula(row, 4, f'=HYPERLINK("https://x.com/a/status/{row}", "link")')
            sheet.write_string(row, 7, "ann_x0021_")
    with local(str(path)) as csv_path:
        found = plan(csv_path, "mentions.xlsx", Wanted(zone="Europe/Moscow"), PROFILES)

        async def items() -> list[Item]:
            return [one async for some in items_of(found) for one in some]

        first, second = posts(asyncio.run(items()))
    assert found.profile.id == "youscan"
    assert (first.id, first.kind, first.author.handle) == ("x:3", "comment", "ann_x0021_")
    assert first.text == "Acme опоздала\nснова <b>"
    assert first.created_at == datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
    assert second.text == "=SUM(1)"


def test_a_workbook_that_means_harm_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet><sheetData/></worksheet>'
    for sheet, said in ((bomb, "entities"), ("<worksheet><row>", "can't be read")):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("xl/worksheets/sheet1.xml", sheet)
        with pytest.raises(Fatal, match=said), local(str(path)):
            pass
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(Fatal, match="damaged or cut"), local(str(path)):
        pass
    path.write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(Fatal, match="old Excel"), local(str(path)):
        pass


def test_what_is_no_table_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="spreadsheet"):
        read(tmp_path / "x.csv", b"PK\x03\x04rest")
    with pytest.raises(BadSettings, match="no table"):
        read(tmp_path / "x.csv", b"\n\n\n")
    with pytest.raises(BadSettings, match="no such encoding"):
        read(tmp_path / "x.csv", b"a,b\n", encoding="klingon")
    with pytest.raises(Fatal, match="no such file"), local(str(tmp_path / "none.csv")):
        pass
    with pytest.raises(ConfigError, match="no such profile"):
        read(tmp_path / "x.csv", b"a,b\n", profile="sprinklr")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Wanted(delimiter="::"), "more than one character"),
        (Wanted(source="no name/"), "not a source's name"),
        (Wanted(formats=("%d/%m/%Y", "%Q")), "'%Q'"),
    ],
)
def test_what_no_file_can_be_read_with_is_refused(said: Wanted, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        said.check()
    assert "Remedy" in str(caught.value)


def test_what_a_person_may_well_say_is_taken() -> None:
    formats = ("%d/%m/%Y %H:%M", "%b %d, %Y %I:%M %p", "%Y-%m-%dT%H:%M:%S%z", "%d %B %Y %Z")
    Wanted(delimiter="\t", source="my-forum", formats=formats).check()


def test_a_folder_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="a folder"), local(str(tmp_path)):
        pass
