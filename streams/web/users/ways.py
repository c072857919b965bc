"""Which paths are open to all, and where a login leads to."""

from typing import Final
from urllib.parse import urlencode, urlsplit

LOGIN: Final = "/login"
LOGOUT: Final = "/logout"
ACCOUNT: Final = "/account"
USERS: Final = "/users"
AUDIT: Final = "/audit"
INVITED: Final = "/invited"
OIDC: Final = "/oidc"
FEEDS: Final = ("/mentions.atom", "/mentions.rss")
"""What feed readers fetch, which can't send a header: their address may hold a token."""
IN_ADDRESS: Final = "token"
"""The parameter that it stands in."""

_OPEN: Final = frozenset({"/healthz", LOGIN, LOGOUT})
_OPEN_BELOW: Final = ("/static/", f"{OIDC}/", f"{INVITED}/", "/shared/")
_ONES_OWN: Final = (
    LOGIN,
    LOGOUT,
    f"{ACCOUNT}/",
    f"{OIDC}/",
    f"{INVITED}/",
    "/shared/",
    "/preferences",
)
_MOST_NEXT: Final = 2000


def is_open(path: str) -> bool:
    """Whether it answers anybody."""
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def is_ones_own(path: str) -> bool:
    """Whether what is sent there changes nothing of others': no role is needed."""
    return path.startswith(_ONES_OWN)


def for_programs(path: str) -> bool:
    """Whether it answers programs, which can't be led to a page."""
    return path.startswith("/api/") or path in ("/live", "/metrics", *FEEDS)


def login_of(path: str, query: str) -> str:
    """Where to log in, and come back from."""
    back = f"{path}?{query}" if query else path
    return LOGIN if back == "/" else f"{LOGIN}?{urlencode({'next': back})}"


def local(given: str) -> str:
    """The page a login leads to: one of ours, else the first."""
    safe = given.isprintable() and "\\" not in given and len(given) <= _MOST_NEXT
    if not safe or not given.startswith("/") or given.startswith("//"):
        return "/"
    try:
        parts = urlsplit(given)
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or parts.path.startswith((LOGIN, LOGOUT)):
        return "/"
    return given
