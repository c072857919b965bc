"""Generated posts and queries, the same for the same seed: what two engines are compared on.

The words are such that folding accents away makes no two of them the same, and no beginning of a
word fits more words with accents folded than without: such differences are left out of
the data, so that every difference found is one of the engine.
"""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from random import Random
from typing import Final, NamedTuple

from streams.criteria.folding import fold
from streams.criteria.written import has_signs

_ENGLISH: Final = """
    bank fee fees price prices phone battery charger screen support refund order delivery late
    broken great awful service app update crash account card payment queue agent store return
    infix index inbox info bankrupt banking banker charge charged charging order ordered
    the a is my not and or on to with for it was never again today AT IBM x86 4G mp3 v2
""".split()  # noqa: SIM905 (a list of quoted words would be harder to read)
_FRENCH: Final = """
    banque banques frais prix téléphone batterie écran livraison remboursement commande retard
    compte carte paiement panne côté très mécontent déçu facture abonné réseau l'eau d'abord
    aujourd'hui qu'elle le la les une de des pas sur avec pour est été
""".split()  # noqa: SIM905 (as above)
_RUSSIAN: Final = """
    банк банка банку банком банкомат карта карту счёт комиссия телефон заряд экран доставка
    возврат заказ поддержка обман отлично ужасно сбой район йогурт и не на с в у меня очень
""".split()  # noqa: SIM905 (as above)
_GERMAN: Final = """
    Bank Gebühr Gebühren Preis Handy Akku Ladegerät Lieferung verspätet Rückgabe Konto Karte
    Überweisung schön schlecht nie wieder die der ist nicht und zu für
""".split()  # noqa: SIM905 (as above)
_ODD: Final = """
    wi-fi e-mail O'Neil rock'n'roll Acme's snake_case _private __init__ 3.14 1,000 12:30 2026-01-31
    31/12/2025 50% $9.99 C++ AT&T R&D #acme @acme #batterie_hs @jean_d https://example.com/a?b=c&d=1
    https://example.com/news/page-2?x=y www.example.org
    user@example.com example.com... 😀 😡 👍🏽 👩‍💻 🇫🇷 ❤️ 電池 銀行 東京
    カ ひらがな a.b.c U.S.A. 1.a a.1 x_1 «prix» “bank” (bank) [card] bank/card card|fee --fee
    fee... ...fee fee,price 1,a a,1 a:b 1:2 1;2 'fee' "fee" 5€ e.g. i.e. v2.0.1
""".split()  # noqa: SIM905 (as above)

_VOCABULARIES: Final = (_ENGLISH, _FRENCH, _RUSSIAN, _GERMAN)
_SEPARATORS: Final = (" ",) * 12 + (", ", ". ", "! ", "? ", " - ", "\n", " … ", ": ", "; ", " / ")
_PLAIN: Final = [w for v in _VOCABULARIES for w in v if w.replace("'", "").isalnum()]


def texts(count: int, seed: int) -> list[str]:
    """Posts of 1 to 30 words, mostly in one language, with what people write between them."""
    random = Random(seed)
    return [_text(random) for _ in range(count)]


def _text(random: Random) -> str:
    main = random.choice(_VOCABULARIES)
    parts: list[str] = []
    for _ in range(min(30, 1 + int(random.expovariate(0.12)))):
        words = _ODD if random.random() < 0.15 else main
        if random.random() < 0.05:
            words = random.choice(_VOCABULARIES)
        word = _common(random, words)
        parts.append(random.choice((word, word, word, word.upper(), word.capitalize())))
        parts.append(random.choice(_SEPARATORS))
    return "".join(parts).strip()


def _common(random: Random, words: Sequence[str]) -> str:
    """A word; those in front come up more often, as words do."""
    return words[int(len(words) * random.random() ** 1.5)]


class Query(NamedTuple):
    """One question in both languages: Veille's and Elasticsearch's `query_string`."""

    ours: str
    theirs: str


def same(text: str) -> Query:
    return Query(text, text)


def queries(count: int, seed: int, accepted: Callable[[str], bool]) -> list[Query]:
    """Different fully parenthesised queries; `accepted` refuses those without an anchor."""
    random = Random(seed)
    found: dict[str, Query] = {}
    while len(found) < count:
        query = _node(random, random.choice((0, 1, 1, 2, 2, 3)))
        if accepted(query.ours):
            found.setdefault(query.ours, query)
    return list(found.values())


def loose_queries(count: int, seed: int) -> list[str]:
    """Queries without the brackets that would make Lucene's flags mean what they seem to."""
    random = Random(seed)
    return [_loose(random, random.choice((0, 0, 1))) for _ in range(count)]


def _loose(random: Random, depth: int) -> str:
    parts = []
    for number in range(random.choice((2, 3, 3, 4, 5))):
        leaf = random.choice((_word, _word, _phrase, _prefix))(random).theirs
        if depth and random.random() < 0.3:
            leaf = f"({_loose(random, depth - 1)})"
        if random.random() < 0.1:
            leaf = f"{random.choice(_ODD[:2])}"  # two words without quotes
        joint = random.choice((" ", " ", " AND ", " OR ", " && ", " || ")) if number else ""
        parts.append(joint + random.choice(("",) * 6 + ("+", "-", "NOT ", "!")) + leaf)
    return "".join(parts)


def _node(random: Random, depth: int) -> Query:
    if depth == 0 or random.random() < 0.1:
        return random.choices((_word, _phrase, _prefix, _wildcard, _sloppy), (5, 3, 2, 2, 3))[0](
            random
        )
    kind = random.random()
    parts = [_node(random, depth - 1) for _ in range(random.choice((2, 2, 3, 4)))]
    if kind < 0.35:
        return _joined(random.choice((" AND ", " && ", " ")), parts)
    if kind < 0.65:
        return _joined(random.choice((" OR ", " || ")), parts)
    if kind < 0.72:
        return Query(*(f"(+{a} -{b})" for a, b in zip(parts[0], parts[1], strict=True)))
    denied = Query(*(f"(NOT {q})" for q in parts[0]))
    return _joined(random.choice((" AND ", " AND ", " OR ")), [*parts[1:], denied])


def _joined(operator: str, parts: Sequence[Query]) -> Query:
    return Query(
        "(" + operator.join(part.ours for part in parts) + ")",
        "(" + operator.join(part.theirs for part in parts) + ")",
    )


def _cased(random: Random, word: str) -> str:
    return random.choice((word, word, word.lower(), word.capitalize()))


def _word(random: Random) -> Query:
    if random.random() < 0.15:
        return _quoted([_odd(random)])  # where unquoted the two differ: see the language's page
    word = _cased(random, random.choice(_PLAIN))
    return same(word) if word not in {"AND", "OR", "NOT", "И", "НЕ"} else same(word.lower())


def _odd(random: Random) -> str:
    """No word with signs: they count in our queries (`C++` is not `c`), and not in theirs."""
    return random.choice([word for word in _ODD if word[0] not in '"“«' and not has_signs(word)])


def _quoted(words: Sequence[str], slop: str = "") -> Query:
    return same('"' + " ".join(words) + '"' + slop)


def _some_words(random: Random, count: int) -> list[str]:
    words = random.choice(_VOCABULARIES)
    return [
        _odd(random) if random.random() < 0.1 else _cased(random, _common(random, words))
        for _ in range(count)
    ]


def _phrase(random: Random) -> Query:
    return _quoted(_some_words(random, random.choice((2, 2, 2, 3))))


def _sloppy(random: Random) -> Query:
    count = random.choice((2, 2, 3, 4))
    words = _some_words(random, count)
    if random.random() < 0.15:
        words[-1] = words[0]
    return _quoted(words, f"~{random.choice((0, 1, 2, 3, 4, 6, 10))}")


def _prefix(random: Random) -> Query:
    while True:
        word = _cased(random, random.choice(_PLAIN))
        pattern = f"{word[: random.randint(2, 6)]}*"
        if len(pattern) > 2 and "'" not in pattern and _accents_do_not_matter(pattern):
            return same(pattern)


def _wildcard(random: Random) -> Query:
    """A word with some letters replaced by `?` and `*`, two literal characters left."""
    while True:
        word = random.choice([word for word in _PLAIN if word.isalnum()])
        letters = [c if random.random() < 0.65 else random.choice("?*") for c in word]
        pattern = "".join(letters).replace("**", "*").replace("**", "*")
        literal = pattern.replace("?", "").replace("*", "")
        if len(literal) >= 2 and literal != pattern and _accents_do_not_matter(pattern):
            return same(pattern)


def _accents_do_not_matter(pattern: str) -> bool:
    """Whether the pattern fits the same words with accents folded away."""
    folded = fold(pattern)
    return all(
        fnmatchcase(word.lower(), pattern.lower()) == fnmatchcase(fold(word), folded)
        for word in (*_PLAIN, *_ODD)
    )
