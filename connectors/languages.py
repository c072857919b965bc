"""Names of languages and countries, as sources write them in English, to ISO codes."""

from types import MappingProxyType
from typing import Final

_LANGUAGES: Final = """
Afrikaans af,Albanian sq,Amharic am,Arabic ar,Armenian hy,Azerbaijani az,Basque eu,Belarusian be,
Bengali bn,Bosnian bs,Bulgarian bg,Burmese my,Catalan ca,Chinese zh,Croatian hr,Czech cs,Danish da,
Dutch nl,English en,Estonian et,Finnish fi,French fr,Galician gl,Georgian ka,German de,Greek el,
Gujarati gu,Hausa ha,Hebrew he,Hindi hi,Hungarian hu,Icelandic is,Indonesian id,Irish ga,
Italian it,Japanese ja,Kannada kn,Kazakh kk,Khmer km,Korean ko,Kurdish ku,Kyrgyz ky,Lao lo,
Latvian lv,Lithuanian lt,Macedonian mk,Malay ms,Malayalam ml,Maltese mt,Marathi mr,Mongolian mn,
Nepali ne,Norwegian no,NorwegianNynorsk nn,Oriya or,Pashto ps,Persian fa,Polish pl,Portuguese pt,
Punjabi pa,Romanian ro,Russian ru,Serbian sr,Sinhalese si,Slovak sk,Slovenian sl,Somali so,
Spanish es,Swahili sw,Swedish sv,Tajik tg,Tamil ta,Telugu te,Thai th,Tibetan bo,Turkish tr,
Ukrainian uk,Urdu ur,Uzbek uz,Vietnamese vi,Welsh cy,Yiddish yi,Zulu zu
"""
_COUNTRIES: Final = """
Afghanistan AF,Albania AL,Algeria DZ,Argentina AR,Armenia AM,Australia AU,Austria AT,Azerbaijan AZ,
Bahrain BH,Bangladesh BD,Belarus BY,Belgium BE,Bolivia BO,Bosnia-Herzegovina BA,Brazil BR,
Bulgaria BG,Cambodia KH,Cameroon CM,Canada CA,Chile CL,China CN,Colombia CO,Costa Rica CR,
Croatia HR,Cuba CU,Cyprus CY,Czech Republic CZ,Denmark DK,Dominican Republic DO,Ecuador EC,
Egypt EG,Estonia EE,Ethiopia ET,Finland FI,France FR,Georgia GE,Germany DE,Ghana GH,Greece GR,
Guatemala GT,Hong Kong HK,Hungary HU,Iceland IS,India IN,Indonesia ID,Iran IR,Iraq IQ,Ireland IE,
Israel IL,Italy IT,Ivory Coast CI,Jamaica JM,Japan JP,Jordan JO,Kazakhstan KZ,Kenya KE,Kuwait KW,
Kyrgyzstan KG,Latvia LV,Lebanon LB,Libya LY,Lithuania LT,Luxembourg LU,Macedonia MK,Malaysia MY,
Malta MT,Mexico MX,Moldova MD,Mongolia MN,Montenegro ME,Morocco MA,Myanmar MM,Nepal NP,
Netherlands NL,New Zealand NZ,Nicaragua NI,Nigeria NG,North Korea KP,Norway NO,Oman OM,Pakistan PK,
Panama PA,Paraguay PY,Peru PE,Philippines PH,Poland PL,Portugal PT,Qatar QA,Romania RO,Russia RU,
Saudi Arabia SA,Senegal SN,Serbia RS,Singapore SG,Slovak Republic SK,Slovakia SK,Slovenia SI,
South Africa ZA,South Korea KR,Spain ES,Sri Lanka LK,Sudan SD,Sweden SE,Switzerland CH,Syria SY,
Taiwan TW,Tajikistan TJ,Tanzania TZ,Thailand TH,Tunisia TN,Turkey TR,Turkmenistan TM,Uganda UG,
Ukraine UA,United Arab Emirates AE,United Kingdom GB,United States US,Uruguay UY,Uzbekistan UZ,
Venezuela VE,Vietnam VN,Yemen YE,Zambia ZM,Zimbabwe ZW
"""


def _read(table: str) -> MappingProxyType[str, str]:
    rows = (row.strip().rpartition(" ") for row in table.split(","))
    return MappingProxyType({name.lower(): code for name, _, code in rows})


_LANGUAGE_CODES: Final = _read(_LANGUAGES)
_COUNTRY_CODES: Final = _read(_COUNTRIES)


def language_code(name: str) -> str:
    """ISO 639-1 of a language's English name; empty for one not known."""
    return _LANGUAGE_CODES.get(name.strip().lower(), "")


def country_code(name: str) -> str:
    """ISO 3166-1 alpha-2 of a country's English name; empty for one not known."""
    return _COUNTRY_CODES.get(name.strip().lower(), "")
