"""Kinds of posts within a language that have a model of their own, told apart by what is in a text.

Russian posts about banks and operators are complaints and news in words of their own. Their model
is trained together with that of all other Russian posts: each weight is one that both share plus
one of the model's own.
"""

import re
from typing import Final

SERVICES: Final = "ru-services"
NAMES: Final = {"ru": ("ru", SERVICES)}
"""The models of a language that has several; the first is for what is of no special kind."""

# No branch begins with a border, so it is searched for by its first letters: 3 µs a post.
_SERVICES: Final = re.compile(
    r"банк|сбер|втб|тинькоф|райффай|россельхоз|вклад|кредит|ипотек|билайн|мегафон|мтс\b|теле ?2"
    r"|tele ?2|ростелеком|beeline|megafon|mts\b|sberbank|vtb|bank|оператор|симк|тариф|абонент"
    r"|роуминг|[34]g\b|lte\b"
)


def register(text: str, lang: str) -> str:
    """The name of the model for a text."""
    return SERVICES if lang == "ru" and _SERVICES.search(text.lower()) else lang
