"""Set phrases: found, told, and worth what the whole says, not what its words say."""

import math

import pytest

from streams.sentiment import phrases
from streams.sentiment.hybrid import HybridScorer, shipped
from streams.sentiment.language import SUPPORTED

LINES = [
    ("en", "pos", "The new place on the corner is not bad"),
    ("en", "pos", "not too bad for a first try"),
    ("en", "pos", "Honestly not bad at all"),
    ("en", "pos", "Can't complain about the delivery"),
    ("en", "pos", "no complaints so far with this router"),
    ("en", "pos", "could not be happier with the new bike"),
    ("en", "pos", "that was damn good"),
    ("en", "pos", "this burger is fucking awesome"),
    ("en", "pos", "bloody brilliant game last night"),
    ("en", "pos", "sick album"),
    ("en", "pos", "they just dropped a killer track"),
    ("en", "pos", "what an insane solo"),
    ("en", "neg", "not really impressed by the soup"),
    ("en", "neg", "Not impressed by the update"),
    ("fr", "pos", "pas mal ce petit resto"),
    ("fr", "pos", "C'est vraiment pas mal du tout"),
    ("fr", "pos", "Le concert était pas mauvais"),
    ("fr", "pos", "Rien à redire sur le service"),
    ("fr", "pos", "putain c'est bon"),
    ("fr", "pos", "ce gâteau, une tuerie"),
    ("fr", "pos", "vachement bien ce film"),
    ("fr", "neg", "Le film est pas terrible"),
    ("fr", "neg", "c'était pas terrible hier soir"),
    ("de", "pos", "Das neue Album ist nicht schlecht"),
    ("de", "pos", "gar nicht übel"),
    ("de", "pos", "Ich kann mich nicht beklagen"),
    ("de", "pos", "verdammt gut"),
    ("de", "pos", "Der Kuchen war arschgeil"),
    ("de", "pos", "da gibt es nichts zu meckern"),
    ("de", "neg", "Das Essen war nicht so toll"),
    ("es", "pos", "no está mal el sitio"),
    ("es", "pos", "nada mal para empezar"),
    ("es", "pos", "No me puedo quejar"),
    ("es", "pos", "la cena estuvo de puta madre"),
    ("es", "pos", "este disco es cojonudo"),
    ("es", "pos", "eres el puto amo"),
    ("it", "pos", "niente male questo locale"),
    ("it", "pos", "Il film non è male"),
    ("it", "pos", "non mi lamento"),
    ("it", "pos", "che figata"),
    ("it", "pos", "cazzo che bello"),
    ("it", "pos", "non male per iniziare"),
    ("pt", "pos", "nada mal este restaurante"),
    ("pt", "pos", "O filme não é ruim"),
    ("pt", "pos", "não posso reclamar"),
    ("pt", "pos", "bom pra caralho"),
    ("pt", "pos", "esse show foi foda demais"),
    ("pt", "pos", "puta jogo ontem"),
    ("ru", "pos", "Неплохо получилось"),
    ("ru", "pos", "очень не плохо"),
    ("ru", "pos", "неплохой ресторан"),
    ("ru", "pos", "грех жаловаться"),
    ("ru", "pos", "этот фильм чертовски хорош"),
    ("ru", "pos", "блин как вкусно"),
    ("ru", "pos", "лучше некуда"),
    ("ru", "neg", "фильм так себе"),
    ("ru", "neg", "обслуживание не ахти"),
    ("ru", "neg", "хуже некуда"),
]
WITHOUT = [
    ("fr", "pas mal de monde dans la rue"),
    ("en", "the bad guy did not come"),
    ("en", "he is a serial killer"),
    ("en", "not badminton again"),
    ("de", "mir ist schlecht"),
    ("es", "el mal no descansa"),
    ("it", "fa male"),
    ("pt", "faz mal"),
    ("ru", "плохо"),
]


@pytest.fixture(scope="module")
def scorer() -> HybridScorer:
    return HybridScorer()


@pytest.mark.parametrize(("lang", "label", "text"), LINES)
def test_a_phrase_says_what_it_says_as_a_whole(
    scorer: HybridScorer, lang: str, label: str, text: str
) -> None:
    told = scorer.explain(text, lang)
    assert told.sentiment.label == label
    assert any(one.note == "in a set phrase" for one in told.contributions)


@pytest.mark.parametrize(("lang", "text"), WITHOUT)
def test_what_only_looks_like_a_phrase(lang: str, text: str) -> None:
    assert phrases.find(text, lang) == []


@pytest.mark.parametrize("lang", SUPPORTED)
def test_the_quick_way_is_the_slow_way(lang: str) -> None:
    model = shipped(lang)
    for _, _, text in LINES:
        for mixed in (text, f"{text}! {text.upper()}, #{text} not {text}"):
            pos, neg, _ = model.sums(mixed)
            parts = model.parts(mixed)
            assert pos == pytest.approx(math.fsum(part.pos for part in parts), abs=1e-9)
            assert neg == pytest.approx(math.fsum(part.neg for part in parts), abs=1e-9)


@pytest.mark.parametrize("lang", SUPPORTED)
def test_every_phrase_has_a_word_that_it_turns_on(lang: str) -> None:
    for _, _, text in (line for line in LINES if line[0] == lang):
        kinds = [shipped(lang).look_up(word)[5] for word in text.replace(",", " ").split()]
        assert any(kind & 64 for kind in kinds), text
