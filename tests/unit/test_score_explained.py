"""Explanations: VADER's parts with their places, and how they look."""

import math
import string

import pytest
from rich.console import Console

from streams.commands.explained import STRONGEST, marked, rendered, verdict
from streams.commands.score import Line, Unread, explain_line, score_line
from streams.records import Sentiment
from streams.sentiment import build_scorer
from streams.sentiment.explained import Contribution, Explained
from streams.sentiment.scorer import Explainer, Scorer

NEGATIVE = Sentiment(label="neg", score=-0.25, confidence=0.625, engine="vader", scope="target")


def shown(explained: Explained, text: str, *target: str) -> str:
    console = Console(record=True, width=120, force_terminal=False)
    console.print(rendered(text, "en", explained, target))
    return console.export_text()


def explained(text: str) -> Explained:
    return explain_line(Line(text, "en"), build_scorer("vader"))


def parts(text: str) -> list[tuple[str, int, float]]:
    return [(part.text, part.start, part.weight) for part in explained(text).contributions]


def test_vader_tells_its_words_with_their_places() -> None:
    assert parts("A good day, (awful) food") == [("good", 2, 1.9), ("awful", 13, -2.0)]
    assert parts("good :) good") == [("good", 0, 1.9), (":)", 5, 2.0), ("good", 8, 1.9)]


def test_vader_tells_what_the_neighbours_did() -> None:
    one, two = explained("not good and VERY good").contributions
    assert "+1.9 in the word list, turned by its neighbours" in one.note
    assert "strengthened" in two.note
    no, problem = explained("no problem").contributions
    assert (no.text, no.weight) == ("no", 0.0)
    assert "silenced" in no.note
    assert problem.weight > 0
    plain = explained("a good day").contributions[0]
    assert plain.note == "as in the word list"


def test_a_word_of_an_emojis_name_stands_where_the_emoji_does() -> None:
    found = explained("lovely😍,\u2003fine day").contributions
    assert [(part.text, part.start) for part in found] == [("lovely", 0), ("😍", 6), ("fine", 9)]


@pytest.mark.parametrize(
    "text",
    [
        "The staff were GREAT!!! but the room was not good, why?? 😀😡 :( kind of sad",
        "love love LOVE hate 'good' good-good (bad) İgood good",
        "no, never so good; least good. at least good but bad but good" * 3,
    ],
)
def test_vaders_parts_add_up_to_its_score(text: str) -> None:
    """As VADER says: compound = total / sqrt(total² + 15)."""
    found = explained(text)
    total = sum(part.weight for part in found.contributions)
    assert found.sentiment.score == pytest.approx(total / math.sqrt(total**2 + 15), abs=1e-4)
    for part in found.contributions:
        if part.start >= 0:
            assert text[part.start : part.end] == part.text
            assert part.text.strip(string.whitespace) == part.text


def test_what_is_not_scored_has_no_parts() -> None:
    found = explain_line(Line("C'est nul", "fr"), build_scorer("vader"))
    assert (found.sentiment.label, found.contributions) == ("unscored", [])


class Silent:
    """An engine that can't explain."""

    def score(self, text: str, lang: str, target: object = ()) -> Sentiment:
        return NEGATIVE


def test_an_engine_without_explanations_gives_its_answer_alone() -> None:
    silent: Scorer = Silent()
    assert not isinstance(silent, Explainer)
    assert isinstance(build_scorer("vader"), Explainer)
    assert explain_line(Line("x"), silent) == Explained(NEGATIVE, [])


def test_a_word_that_spoke_has_its_sign_doubled_where_loud() -> None:
    text = "so good, bad and odd"
    said = [
        Contribution("good", 3, 7, 2.0),
        Contribution("bad", 9, 12, -0.5),
        Contribution("odd", 17, 20, 0.1),
        Contribution("", -1, -1, 9.0, "what has no place"),
    ]
    assert marked(text, said).plain.strip() == "so [++good], [-bad] and odd"


def test_a_part_of_two_words_lies_on_both_of_them() -> None:
    said = [Contribution("not good", 0, 8, -1.6), Contribution("good", 4, 8, 0.2)]
    assert marked("not good", said).plain.strip() == "[--not] [--good]"


def test_a_part_out_of_the_text_is_no_harm() -> None:
    assert marked("ab", [Contribution("x", 1, 9, 1.0)]).plain.strip() == "ab"
    assert marked("", []).plain.strip() == ""


def test_colours_never_stand_alone() -> None:
    line = marked("good bad", [Contribution("", 0, 4, 1.0), Contribution("", 5, 8, -1.0)])
    styled = {line.plain[span.start : span.end]: str(span.style) for span in line.spans}
    assert styled == {"[++good]": "bold dodger_blue1", "[--bad]": "bold dark_orange"}


def test_the_verdict_is_one_line() -> None:
    assert verdict(NEGATIVE).plain == "-neg  score -0.250  confidence 0.62"
    none = Sentiment(label="unscored", engine="vader", reason="no text")
    assert verdict(none).plain == "unscored  (no text)"


def test_the_whole_picture() -> None:
    said = [Contribution("awful", 3, 8, -2.0, "a note"), Contribution("fine", 13, 17, 0.5)]
    lines = [
        line.rstrip()
        for line in shown(Explained(NEGATIVE, said), "An awful but fine", "Vexil").splitlines()
    ]
    assert lines[:6] == [
        "-neg  score -0.250  confidence 0.62",
        "  An [--awful] but [+fine]",
        "  weight    part     note",
        "   -2.00    awful    a note",
        "   +0.50    fine",
        "engine vader, language en, scope target, target Vexil",
    ]


def test_the_table_holds_the_strongest() -> None:
    said = [Contribution(f"w{n}", -1, -1, n / 10) for n in range(20)]
    picture = shown(Explained(NEGATIVE, said), "")
    assert "w19" in picture
    assert "w7" not in picture
    assert f"weaker ones: {20 - STRONGEST}" in picture


def test_what_steers_a_terminal_is_not_printed() -> None:
    said = [Contribution("\x1b[31m", 0, 5, 1.0, "\x07")]
    picture = shown(Explained(NEGATIVE, said), "\x1b[31mred\ud800 [bold]x[/bold]", "\x1b")
    assert "\x1b" not in picture
    assert "\x07" not in picture
    assert "[bold]x[/bold]" in picture


def test_a_long_text_is_cut() -> None:
    picture = marked("good " * 10_000, [Contribution("good", 0, 4, 1.0)]).plain
    assert len(picture) < 1_600
    assert picture.endswith("…")


def test_a_line_is_scored_with_its_own_words() -> None:
    scored = score_line(Line("good", "en", "Vexil"), build_scorer("vader"))
    assert (scored.label, scored.lang, scored.scope) == ("pos", "en", "post")
    assert Unread("why").reason == "why"
