"""Identification, tags, and texts that tell nothing."""

import time

import eldc
import pytest

from streams.sentiment import SUPPORTED, UNDETERMINED, identify, normalise

SENTENCES = {
    "fr": [
        "Le train est encore en retard, c'est la troisième fois cette semaine.",
        "Franchement, un accueil aux petits soins, je recommande !",
        "On attend toujours la réponse du service client",
    ],
    "ru": [
        "Поезд опять опоздал, уже третий раз за неделю.",
        "Очень вежливые сотрудники, всем советую!",
        "До сих пор жду ответа от поддержки",
    ],
    "en": [
        "The train is late again, for the third time this week.",
        "Really friendly people at the desk, would come back!",
        "Still waiting for an answer from support",
    ],
    "de": [
        "Der Zug hat schon wieder Verspätung, zum dritten Mal diese Woche.",
        "Sehr freundliche Leute am Schalter, gerne wieder!",
        "Ich warte noch immer auf eine Antwort vom Kundendienst",
    ],
    "es": [
        "El tren llega tarde otra vez, ya van tres esta semana.",
        "Gente muy amable en la taquilla, ¡volveré seguro!",
        "Sigo esperando una respuesta del servicio de atención",
    ],
    "it": [
        "Il treno è di nuovo in ritardo, la terza volta questa settimana.",
        "Persone gentilissime allo sportello, ci tornerò!",
        "Sto ancora aspettando una risposta dall'assistenza",
    ],
    "pt": [
        "O comboio está outra vez atrasado, já é a terceira vez esta semana.",
        "Pessoal muito simpático no balcão, vou voltar!",
        "Ainda estou à espera de uma resposta do apoio ao cliente",
    ],
    "uk": [
        "Потяг знову запізнився, вже втретє за тиждень.",
        "Дуже ввічливі працівники, раджу всім!",
        "Досі чекаю на відповідь від підтримки",
    ],
    "bg": [
        "Влакът пак закъсня, вече за трети път тази седмица.",
        "Много любезни хора на гишето, препоръчвам!",
        "Още чакам отговор от отдела за поддръжка",
    ],
    "nl": ["De trein is weer te laat, al voor de derde keer deze week."],
    "pl": ["Pociąg znowu się spóźnił, już trzeci raz w tym tygodniu."],
    "cs": ["Vlak má zase zpoždění, už potřetí tento týden."],
    "ca": ["El tren torna a arribar tard, ja van tres vegades aquesta setmana."],
    "ro": ["Trenul întârzie din nou, pentru a treia oară săptămâna aceasta."],
    "tr": ["Tren yine gecikti, bu hafta üçüncü kez oluyor."],
    "sv": ["Tåget är försenat igen, för tredje gången den här veckan."],
    "be": ["Цягнік зноў спазніўся, ужо трэці раз за тыдзень."],
    "sr": ["Воз опет касни, већ трећи пут ове недеље."],
    "el": ["Το τρένο άργησε πάλι, τρίτη φορά αυτή την εβδομάδα."],
    "ar": ["القطار متأخر مرة أخرى، للمرة الثالثة هذا الأسبوع."],
    "ja": ["電車がまた遅れています。今週はもう三回目です。"],
}
TWO_LANGUAGES = [
    "мне very нравится this place",
    "это просто amazing, I love it so much",
    "мой boss сказал that we are fired завтра",
    "всем good morning и have a nice day, друзья",
    "Честно, the service was terrible и дорого",
    "the food était vraiment bon but the waiter was rude",
    "sono andato al meeting but nobody was there, che noia",
    "приехал на work, а там nobody is here",
    "Доставка was so late, больше never, спасибо",
    "всё good, but the price такой высокий",
    "это the best, что было with me за this год",
    "я love you and you are моя жизнь",
    "das ist not what I wanted, und the price war zu hoch",
    "j'ai juste need of a break, this is trop pour moi",
]
TRANSLITERATED = [
    "privet, kak dela, ochen horosho",
    "privet kak dela",
    "spasibo bolshoe za pomosh",
    "ya ne ponimayu pochemu tak dolgo",
    "kogda uzhe privezut moy zakaz",
    "vse ochen ponravilos, spasibo",
    "nu i zachem oni eto sdelali, uzhas prosto",
    "segodnya opyat ne rabotaet prilozhenie",
    "rebyata, kto znaet gde kupit bilety na koncert",
    "mne kazhetsya, chto oni nas obmanyvayut",
    "prosto super, ya v vostorge ot etogo mesta",
    "zdravstvuyte, podskazhite pozhaluysta kogda budet dostavka",
    "da ladno, ne mozhet byt, ty serezno",
    "karta zablokirovana, bank ne otvechaet uzhe tri dnya",
    "kakoy koshmar, nikogda bolshe tuda ne poydu",
    "skolko mozhno zhdat otveta ot podderzhki",
    "pryvit, yak spravy, duzhe dyakuyu",
    "zdravei, kak si, mnogo dobre blagodarya",
    "ellada einai poli oraia xora",
    "marhaba kifak habibi shu akhbarak",
    "mujhe ye phone bahut pasand aaya, sach mein mast hai",
    "yaar kya baat hai, aaj match dekhne chalte hain",
    "bhai ye service bilkul bekar hai, paise barbaad",
]
OTHER_LATIN = [
    "Tren yine gecikti, kimse bir şey söylemiyor",
    "Pociąg znowu się spóźnił, nikt nic nie mówi",
    "De trein is weer te laat en niemand zegt iets",
    "Tåget är sent igen och ingen säger något",
    "Toget er forsinket igen, og ingen siger noget",
    "Toget er forsinket igjen, og ingen sier noe",
    "Juna on taas myöhässä eikä kukaan sano mitään",
    "Vlak má zase zpoždění a nikdo nic neříká",
    "Vlak opet kasni i nitko ništa ne govori",
    "A vonat megint késik, és senki nem mond semmit",
    "Trenul întârzie din nou și nimeni nu spune nimic",
    "El tren torna a fer tard i ningú diu res",
    "Trena berriro berandu dator eta inork ez du ezer esaten",
    "Traukinys vėl vėluoja ir niekas nieko nesako",
    "Vilciens atkal kavējas, un neviens neko nesaka",
    "Rong jääb jälle hiljaks ja keegi ei ütle midagi",
    "Treni është përsëri me vonesë dhe askush nuk thotë asgjë",
    "Tàu lại trễ và không ai nói gì cả",
    "Kereta terlambat lagi dan tidak ada yang bilang apa-apa",
    "Keretapi lewat lagi dan tiada siapa berkata apa-apa",
    "Late na naman ang tren at walang nagsasabi ng kahit ano",
    "Treni imechelewa tena na hakuna anayesema chochote",
    "Reli tun ti pẹ́ lẹ́ẹ̀kan sí i, kò sí ẹni tó sọ nǹkan kan",
    "Die trein is weer laat en niemand sê iets nie",
    "Mae'r trên yn hwyr eto a does neb yn dweud dim",
    "Tha an trèana fadalach a-rithist agus chan eil duine ag ràdh dad",
    "Tá an traein déanach arís agus níl aon duine ag rá rud ar bith",
    "Lestin er sein aftur og enginn segir neitt",
    "La trajno denove malfruas kaj neniu diras ion",
    "Tren la an reta ankò e pèsonn pa di anyen",
]
CASES = [(code, sentence) for code, sentences in SENTENCES.items() for sentence in sentences]


@pytest.mark.parametrize(("code", "sentence"), CASES)
def test_sentences_are_identified(code: str, sentence: str) -> None:
    answer = identify(sentence)
    assert answer.code == code
    assert answer.confidence > 0.9
    assert answer.reason == "identified"


@pytest.mark.parametrize(("code", "sentence"), CASES)
def test_links_handles_hashtags_and_markup_do_not_mislead(code: str, sentence: str) -> None:
    dressed = f"@TheDailyNews <b>{sentence}</b> &amp; https://shop.example/the/best/of #WeLoveIt 😀"
    assert identify(dressed).code == code


@pytest.mark.parametrize("sentence", [s for code in ("uk", "bg") for s in SENTENCES[code]])
def test_relatives_of_russian_are_not_called_russian(sentence: str) -> None:
    assert identify(sentence).code not in SUPPORTED


@pytest.mark.parametrize(
    "text", ["Спасибо большое!", "Завтра приду", "хочу собаку", "второй слева", "Ужасно", "Это оно"]
)
def test_short_russian_is_not_called_by_its_relatives_names(text: str) -> None:
    assert identify(text).code in {"ru", UNDETERMINED}


@pytest.mark.parametrize("text", TRANSLITERATED + OTHER_LATIN)
def test_other_languages_in_latin_script_are_not_called_one_of_the_seven(text: str) -> None:
    answer = identify(text)
    assert answer.code not in SUPPORTED or answer.confidence < 0.7


@pytest.mark.parametrize("text", TWO_LANGUAGES)
def test_a_text_in_two_languages_is_undetermined_and_says_so(text: str) -> None:
    answer = identify(text)
    assert (answer.code, answer.reason[:26]) == (UNDETERMINED, "in more than one language,")


@pytest.mark.parametrize(
    "text",
    [
        "купил iPhone 15 Pro Max в Store, доволен",
        "Bank of America закрыл мне счёт без объяснений",
        "модем Huawei E1550 работает через раз",
        "Слушаю Pink Floyd весь вечер, красота",
    ],
)
def test_names_in_latin_letters_leave_a_text_russian(text: str) -> None:
    assert identify(text).code == "ru"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no text"),
        (" \n\t", "no words to tell a language by"),
        ("😀", "no words to tell a language by"),
        ("❤️🔥", "no words to tell a language by"),
        ("https://shop.example/a/nice/page?ref=good", "no words to tell a language by"),
        ("@someone #ThisIsGreat www.shop.example", "no words to tell a language by"),
        ("12:30 — 14:00 …", "no words to tell a language by"),
        ("\u0301" * 10_000, "no words to tell a language by"),
        ("\0\0", "no words to tell a language by"),
    ],
)
def test_nothing_to_tell_a_language_by(text: str, reason: str) -> None:
    answer = identify(text)
    assert (answer.code, answer.confidence, answer.reason) == (UNDETERMINED, 0.0, reason)


@pytest.mark.parametrize("text", ["ok", "lol", "xyzzy", "brb", "hm", "a"])
def test_too_little_text_is_undetermined_and_says_so(text: str) -> None:
    answer = identify(text)
    assert answer.code == UNDETERMINED
    assert answer.confidence < 0.6
    assert answer.reason.startswith("too uncertain")


def test_longer_text_is_surer() -> None:
    short, long = identify("the train"), identify("the train is late again and nobody tells us why")
    assert short.confidence < long.confidence


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en", "en"),
        ("EN", "en"),
        (" en-US ", "en"),
        ("pt_BR", "pt"),
        ("zh-Hant-TW", "zh"),
        ("eng", "en"),
        ("rus", "ru"),
        ("fre", "fr"),
        ("fra", "fr"),
        ("ger", "de"),
        ("in", "id"),
        ("iw", "he"),
        ("nb", "no"),
        ("cy", "cy"),
    ],
)
def test_tags_are_normalised(tag: str, code: str) -> None:
    assert normalise(tag) == code


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "und",
        "zxx",
        "mul",
        "qq",
        "english",
        "e",
        "en us",
        "e n",
        "12",
        "рус",
        "en-",
        "-en",
        "en\0",
        "en;q=0.9",
        "\ud800",
        "en-" + "x" * 10_000,
        "en" * 30_000,
    ],
)
def test_nonsense_tags_are_rejected(tag: str) -> None:
    assert normalise(tag) == ""


def test_a_tag_decides_what_the_text_can_not() -> None:
    assert identify("ok", "pt-BR").code == "pt"
    assert identify("😀", "ru").code == "ru"


def test_a_tag_is_confirmed() -> None:
    answer = identify(SENTENCES["ru"][0], "ru")
    assert (answer.code, answer.reason) == ("ru", "the platform's tag, confirmed")
    assert answer.confidence >= 0.95


def test_a_lying_tag_is_overruled_by_a_long_enough_text() -> None:
    answer = identify(SENTENCES["ru"][0], "en-US")
    assert answer.code == "ru"
    assert "against the platform's tag en" in answer.reason


@pytest.mark.parametrize("tag", ["en", "fr", "de", "es", "it", "pt-BR", "pl"])
@pytest.mark.parametrize("text", ["Ужасно, больше не приду", "Дуже дякую, чудово!", "Спасибо!"])
def test_a_tag_of_latin_script_does_not_stand_on_another_script(tag: str, text: str) -> None:
    answer = identify(text, tag)
    assert answer.code in {"ru", "uk", UNDETERMINED}
    assert answer.code == identify(text).code


def test_a_tag_of_a_short_text_in_its_own_script_stands() -> None:
    assert identify("privet", "ru").code == "ru"
    assert identify("ok, iPhone", "ru").code == "ru"


def test_a_short_text_does_not_overrule_a_tag() -> None:
    answer = identify("Quel train ?", "en")
    assert answer.code == "en"
    assert answer.confidence < 0.95


def test_an_invalid_tag_is_as_good_as_none() -> None:
    assert identify(SENTENCES["de"][0], "klingon") == identify(SENTENCES["de"][0])


def test_a_language_eldc_does_not_know_keeps_its_tag() -> None:
    galician = "O tren chega tarde outra vez, xa van tres veces esta semana."
    assert identify(galician, "gl").code == "gl"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The train \ud800 is late again \udfff this week", "en"),
        ("The train\0is late again\0this week", "en"),
        ("<p>Le train</p> <br/>est encore <a href='x'>en retard</a> cette semaine", "fr"),
    ],
)
def test_damaged_text_is_still_read(text: str, code: str) -> None:
    assert identify(text).code == code


@pytest.mark.parametrize(
    "text",
    [
        "&lt;br&gt;&nbsp;&amp;&quot;",
        "<div class='x'><br/></p>",
        "http://a.example https://b.example/c?d=e www.f.example",
        "\ud800\udc00\ud800",
        "\0 \0\0",
        "\u200b\u200d\ufeff",
        "Aあя\u05d0ع漢",
        "Zа\u0301\u0302лго",
    ],
)
@pytest.mark.parametrize("tag", ["", "en", "xx", "\0", "ru-RU"])
def test_odd_texts_are_answered_with_a_reason(text: str, tag: str) -> None:
    answer = identify(text, tag)
    assert answer.reason
    assert answer.code in {UNDETERMINED, normalise(tag)}


@pytest.mark.parametrize(
    "unit",
    [
        "aя ",
        "the привет and ",
        "a",
        "<a",
        "<",
        "@",
        "@a ",
        "#",
        "&a",
        "https",
        "\u0301",
        "😀",
        "я",
        "の",
        "\ud800",
        "\0",
    ],
)
def test_any_64_kib_are_answered_in_bounded_time(unit: str) -> None:
    text = unit * (65_536 // len(unit))
    start = time.perf_counter()
    answer = identify(text, "xx-lying")
    assert time.perf_counter() - start < 0.5
    assert 0 <= answer.confidence <= 1
    assert answer.reason


def test_the_detector_of_others_is_left_alone() -> None:
    """We set up an instance of our own; eldc's global settings stay as they were."""
    identify("The train is late again")
    eldc.init()
    assert len(eldc.detect_details("The train is late again").scores) == 3
