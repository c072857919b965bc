"""Which language a post is in: the platform's tag if it holds up, else identification by eldc.

eldc compares letter sequences with those of 60 languages and gives each a score. Here scores become
*evidence* (natural logarithm of how much likelier one language is than the next), so that a short
text is doubted and a long one is not, and near relatives are told apart by letters they cannot
share. What remains in doubt is `und`, never a guess.
"""

import functools
import math
import re
from typing import Any, Final

import eldc
import msgspec

from streams.sentiment.function_words import FUNCTION_WORDS

SUPPORTED: Final = ("fr", "ru", "en", "de", "es", "it", "pt")
"""The languages whose sentiment Veille means to judge, first those of its first readers."""

UNDETERMINED: Final = "und"

_READ: Final = 2_000  # characters looked at, before links and handles are taken out
_KEPT: Final = 1_000  # and after: eldc itself reads a thousand bytes
_MIN_LEVEL: Final = 0.55  # below this score a text resembles none of the 60 languages
_FEWEST: Final = 3  # letters; "ok" is a word of many languages
_MIN_CONFIDENCE: Final = 0.6
_CONTRADICTS: Final = 0.99  # how sure identification must be to overrule a tag …
_LONG_ENOUGH: Final = 20  # … and over how many letters
_HOME: Final = dict.fromkeys(SUPPORTED, 0.7)  # evidence in favour, before a word is read
_CLEAR: Final = 6.0  # evidence beyond which no second look is needed
_SHORT: Final = 60  # letters
_A_WORD: Final = 1.0  # evidence in favour of a language, each of its function words
_AT_HOME: Final = 0.85  # eldc's score of a text beyond which it is in one language alone
_AS_MANY: Final = 0.6  # function words of another language, to each of its own, that make a mixture
_OUTWEIGHS: Final = 0.6  # share of letters that tells which script a text is in
_ENOUGH_FOREIGN: Final = 0.3  # … and above which its Latin letters are taken for names

# Links, handles, hashtags, entities and tags. Each alternative begins with its own character, so
# that the search skips from one to the next.
_NOISE: Final = re.compile(r"@\w+|#\w+|\0|https?\S*|www\.\S+|&#?\w{1,10};|</?[A-Za-z][^<>]*>")
# UTF-8 bytes that begin no letter of a script eldc knows: ASCII other than a-z, continuations, and
# the leads of Latin-1 signs, combining marks, general punctuation, presentation forms and emoji.
_NO_LETTERS: Final = bytes(
    byte
    for byte in range(256)
    if not chr(byte).isalpha() or byte >= 0x80
    if not 0xC3 <= byte <= 0xEE or byte in (0xCC, 0xCD, 0xE2)
)
# Those that begin a letter of Latin script.
_LATIN: Final = bytes([*range(0x80), *range(0xC3, 0xCC), 0xE1])
_LATIN_LETTERS: Final = re.compile("[A-Za-z\u00c0-\u024f]+")
_WORDS: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_TAG: Final = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{1,8}){0,4}")

# Letters a language never writes, and letters it can hardly do without: a text in Ukrainian has an
# "і", "ї" or "є" in every seventeen letters.
_FOREIGN: Final = {
    code: re.compile(f"[{letters}{letters.upper()}]")
    for code, letters in {
        "ru": "іїєґўјљњђћџ",
        "uk": "ыэёъўјљњђћџ",
        "bg": "ыэёіїєґўјљњђћџ",
        "sr": "ыэёъщюяйьіїєґў",
        "be": "ищъїєґјљњђћџ",
    }.items()
}
_OWN: Final = {
    code: re.compile(f"[{letters}{letters.upper()}]")
    for code, letters in {"uk": "іїєґ", "sr": "јљњђћџ", "be": "іў"}.items()
}
_ABSENT: Final = 0.03  # evidence a letter against a language none of whose own letters is there

_RENAMED: Final = {
    "iw": "he",
    "in": "id",
    "ji": "yi",
    "jw": "jv",
    "mo": "ro",
    "nb": "no",
    "nn": "no",
}
_ISO_639_1: Final = (
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da "
    "de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy "
    "hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg "
    "li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nd ne ng nl no nr nv ny oc oj om or os pa "
    "pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg "
    "th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
_KNOWN: Final = frozenset(_ISO_639_1.split())

# ISO 639-2/B, where it differs from what eldc lists.
_BIBLIOGRAPHIC: Final = (
    "alb=sq arm=hy baq=eu chi=zh cze=cs dut=nl fre=fr geo=ka ger=de gre=el ice=is may=ms "
    "per=fa rum=ro slo=sk nob=no nno=no"
)
_OLDER_NAMES: Final = dict(pair.split("=") for pair in _BIBLIOGRAPHIC.split())

# Languages eldc does not know or can't tell by this script, and those it takes them for: such an
# answer does not contradict the tag.
_TAKEN_FOR: Final = {
    "af": {"nl"},
    "an": {"es", "ca"},
    "bs": {"hr", "sl"},
    "co": {"it"},
    "gl": {"pt", "es"},
    "hr": {"sl"},
    "ht": {"fr"},
    "id": {"ms"},
    "kk": {"ru"},
    "ky": {"ru"},
    "la": {"it", "es", "pt"},
    "lb": {"de", "nl"},
    "mk": {"bg", "sr"},
    "oc": {"ca", "fr", "es"},
    "sr": {"hr", "sl"},
    "tt": {"ru"},
}


# Languages written in Latin script alone: a tag that names one is wrong on any other script.
_LATIN_CODES: Final = (
    "af ca cs cy da de en es et eu fi fr ga gl hr hu id is it la lb lt lv ms nl no oc pl pt ro sk "
    "sl sq sv sw tl tr vi"
)
_LATIN_ONLY: Final = frozenset(_LATIN_CODES.split())
_READS_LATIN: Final = tuple[str, ...](code for code in SUPPORTED if code in _LATIN_ONLY)
_ANY_LATIN: Final = frozenset[str]().union(*(FUNCTION_WORDS[code] for code in _READS_LATIN))
_RIVALS: Final = {
    code: frozenset(word for word in _ANY_LATIN - FUNCTION_WORDS[code] if len(word) > 1)
    for code in _READS_LATIN
}


class Language(msgspec.Struct, frozen=True):
    """An ISO 639-1 code or `und`; how likely it is right; and what that rests on."""

    code: str
    confidence: float
    reason: str


class _Guess(msgspec.Struct, frozen=True):
    """`foreign` letters are those of scripts other than Latin."""

    code: str
    confidence: float
    letters: int
    foreign: int = 0
    doubt: str = "too uncertain"


_NOTHING: Final = _Guess(UNDETERMINED, 0.0, 0)


def identify(text: str, tag: str = "") -> Language:
    """The language of `text`, which the platform says is `tag`.

    Looks at the first 2,000 characters at most, links, handles, hashtags and emoji left out.
    """
    tagged = normalise(tag) if tag else ""
    guess = _guess(text)
    if tagged:
        return _checked(tagged, guess)
    if not guess.letters:
        return Language(UNDETERMINED, 0.0, "no words to tell a language by" if text else "no text")
    return _answer(guess, "identified")


def _answer(guess: _Guess, reason: str) -> Language:
    if guess.confidence < _MIN_CONFIDENCE:
        return Language(UNDETERMINED, guess.confidence, f"{guess.doubt}, perhaps {guess.code}")
    return Language(guess.code, guess.confidence, reason)


def normalise(tag: str) -> str:
    """`en` for `EN`, `en-US`, `en_GB` or `eng`; empty for what names no language of ISO 639-1."""
    return _normalised(tag) if len(tag) <= 40 else ""


@functools.lru_cache(maxsize=1024)
def _normalised(tag: str) -> str:
    match = _TAG.fullmatch(tag.strip())
    if match is None:
        return ""
    code = match[1].lower()
    code = _RENAMED.get(code, code)
    if len(code) == 3:
        return _OLDER_NAMES.get(code) or _three_letters().get(code, "")
    return code if code in _KNOWN else ""


@functools.cache
def _three_letters() -> dict[str, str]:
    return dict(zip(eldc.LANGUAGES_ISO2T, eldc.LANGUAGES, strict=True))


def _checked(tag: str, guess: _Guess) -> Language:
    """The tag, unless the text is in a script it is never written in, or is long enough to tell and
    surely says otherwise."""
    if guess.code == tag:
        return Language(tag, max(0.95, guess.confidence), "the platform's tag, confirmed")
    against = f"identified, against the platform's tag {tag}"
    if tag in _LATIN_ONLY and guess.foreign > guess.letters * _OUTWEIGHS:
        return _answer(guess, against)
    sure = guess.confidence >= _CONTRADICTS and guess.letters >= _LONG_ENOUGH
    if not sure or guess.code in _TAKEN_FOR.get(tag, ()):
        return Language(tag, 0.8 if guess.letters < _LONG_ENOUGH else 0.6, "the platform's tag")
    return Language(guess.code, guess.confidence, against)


def _guess(text: str) -> _Guess:
    sample = _NOISE.sub(" ", text[:_READ])[:_KEPT]
    encoded = sample.encode("utf-8", "replace").translate(None, _NO_LETTERS)
    letters = len(encoded)
    if not letters:
        return _NOTHING
    foreign = 0 if encoded.isascii() else len(encoded.translate(None, _LATIN))
    mixed = False
    if 0 < foreign < letters:
        mixed = _in_two_scripts(sample, letters, foreign)
        if not mixed and foreign > letters * _ENOUGH_FOREIGN:  # the rest are names
            sample, letters = _LATIN_LETTERS.sub(" ", sample), foreign
    scores = _scores(sample)
    if not scores:
        return _Guess(UNDETERMINED, 0.0, letters, foreign)
    code, evidence, level = _weighed(sample, scores, letters)
    # Fitted on sentences cut to 20 to 100 characters: of texts with evidence 1, 3 and 6, some
    # 75, 95 and 98 in a hundred are called right.
    confidence = 1 - math.exp(-evidence / 1.6) / 2
    if level < 0.7:
        confidence *= max(0.0, (level - _MIN_LEVEL) / (0.7 - _MIN_LEVEL)) * 0.4 + 0.6
    if level < _MIN_LEVEL or letters < _FEWEST:
        confidence *= 0.5
    if mixed or (level < _AT_HOME and code in _RIVALS and _speaks_two(code, sample)):
        return _Guess(code, min(confidence, 0.5), letters, foreign, "in more than one language")
    return _Guess(code, confidence, letters, foreign)


def _in_two_scripts(sample: str, letters: int, foreign: int) -> bool:
    """Whether a text is in Latin script and in another, a fifth of it or more in each. Names in
    Latin letters are common everywhere, so words of a language must be among them."""
    if not 0.2 * letters < foreign < 0.8 * letters:
        return False
    return len(_ANY_LATIN.intersection(_WORDS.findall(sample.lower()))) > 1


def _speaks_two(code: str, sample: str) -> bool:
    """Whether there are function words of another language, two or more and at least six to each
    ten of its own."""
    words = sample.lower().split()
    strange = _RIVALS[code].intersection(words)
    if len(strange) < 2:
        return False
    own = len(FUNCTION_WORDS[code].intersection(words))
    most = max(len(strange & FUNCTION_WORDS[other]) for other in _READS_LATIN)
    return most >= max(2, own * _AS_MANY)


def _weighed(sample: str, scores: dict[str, float], letters: int) -> tuple[str, float, float]:
    """The likeliest language, the evidence against the next one, and eldc's own score of it."""
    best, second, *_ = *scores, ""
    level = scores[best]
    evidence = _evidence(level, scores.get(second, 0.0)) * letters
    if evidence > _CLEAR and (best in SUPPORTED or _is_plausible(best, sample)):
        return best, evidence, level
    lowered = sample.lower()
    # In a short text punctuation may hide the only word that tells.
    words = set(_WORDS.findall(lowered) if letters < _SHORT else lowered.split())
    ranked = sorted(
        ((_standing(code, score, sample, words, letters), code) for code, score in scores.items()),
        reverse=True,
    )
    (first, best), *rest = ranked
    return best, first - rest[0][0] if rest else first, scores[best]


def _is_plausible(code: str, sample: str) -> bool:
    """Whether a text has no letter that the language never writes, and one that it can't do
    without."""
    if code not in _FOREIGN:
        return True
    return not _FOREIGN[code].search(sample) and (
        code not in _OWN or bool(_OWN[code].search(sample))
    )


def _standing(code: str, score: float, sample: str, words: set[str], letters: int) -> float:
    standing = _evidence(score, 0.0) * letters + _HOME.get(code, 0.0)
    if code in FUNCTION_WORDS:
        standing += _A_WORD * len(FUNCTION_WORDS[code] & words)
    if code in _FOREIGN:
        if _FOREIGN[code].search(sample):
            standing -= letters
        if code in _OWN and not _OWN[code].search(sample):
            standing -= _ABSENT * letters
    return standing


def _evidence(score: float, other: float) -> float:
    """eldc scores are 1 - exp(-mean log-likelihood): the difference of two, a letter."""
    return math.log((1.000001 - other) / (1.000001 - score))


def _scores(sample: str) -> dict[str, float]:
    """The five best languages with eldc's scores, best first."""
    try:
        scores: dict[str, float] = _detector().detect_details(sample).scores
    except UnicodeEncodeError:  # lone surrogates
        clean = sample.encode("utf-8", "replace").decode("utf-8")
        scores = _detector().detect_details(clean).scores
    return scores


@functools.cache
def _detector() -> Any:
    """One detector for the process: its table takes some 16 MB; it may serve many threads."""
    eldc.init()
    detector = eldc.instance()
    detector.set_scores(5)
    return detector
