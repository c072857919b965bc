"""Places without a lawful door for a tracker: why, and the way that does exist.

No page is fetched around a login, a captcha or robots rules.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Closed(NamedTuple):
    """A place that Veille does not collect from. Both texts are whole sentences."""

    name: str
    why: str
    instead: str


_OWNER_MAIL = "the owner's notices by e-mail (`imap`)"

_ALL = (
    Closed(
        "tinder",
        "Profiles and messages are private, there is no API for them, and the terms forbid any"
        " automated access.",
        "nothing; what people say about Tinder is found on the other sources.",
    ),
    Closed(
        "couchsurfing",
        "Profiles and messages are for members alone, there is no public API, and the terms forbid"
        " automated access.",
        "nothing; what people say about it is found on the other sources.",
    ),
    Closed(
        "whatsapp",
        "Chats are end-to-end encrypted and private; there is no API for monitoring them.",
        "your own number's Cloud API through `webhook`, or an exported chat through `file`.",
    ),
    Closed(
        "linkedin",
        "There is no search over public posts; the Community Management API shows organisations"
        " that you administer, after approval, and limits what may be kept.",
        f"an approved partner through `webhook`, or {_OWNER_MAIL}.",
    ),
    Closed(
        "moymir",
        "The API gives friends' news of a logged-in user alone, and has no search.",
        "an export through `file`.",
    ),
    Closed(
        "dzen",
        "There is no API for reading; the feeds lead into Dzen, not out of it, and the terms forbid"
        " fetching its pages by machine.",
        "the author's own site through `rss`, or a partner's delivery through `webhook`.",
    ),
    Closed(
        "yandexmaps",
        "The API leaves reviews out, and its terms allow showing on a Yandex map only.",
        f"{_OWNER_MAIL} from Yandex Business, or its export through `file`.",
    ),
    Closed(
        "2gis",
        "The API counts reviews but does not give their texts.",
        f"{_OWNER_MAIL} from the 2GIS cabinet, a contract with 2GIS, or an export through `file`.",
    ),
    Closed(
        "tripadvisor",
        "The Content API forbids storing anything but a place's number, and Veille stores what it"
        " finds.",
        f"{_OWNER_MAIL} from the Management Center, its export through `file`, or a partner.",
    ),
    Closed(
        "amazon",
        "No API gives reviews any more, and the terms forbid fetching pages by machine.",
        f"{_OWNER_MAIL} from Seller Central, or an export through `file`.",
    ),
    Closed(
        "otzovik",
        "There is no API, and the site turns programs away.",
        "a licensed provider through `webhook`, or an export through `file`.",
    ),
    Closed(
        "irecommend",
        "There is no API, and the site turns programs away.",
        "a licensed provider through `webhook`, or an export through `file`.",
    ),
    Closed(
        "tiktok",
        "The Research API is for non-profit research alone; other APIs show one's own account.",
        "an approved partner through `webhook`, or an export through `file`.",
    ),
)

CLOSED: Mapping[str, Closed] = MappingProxyType({one.name: one for one in _ALL})
"""By name. `veille sources list` shows them below the others."""
