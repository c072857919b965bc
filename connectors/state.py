"""What is shown of a running source: `veille status`, the page and the log read this."""

from typing import Final, Literal

import msgspec

from connectors.base import Gap, Usage
from connectors.post import Moment

Phase = Literal["running", "waiting", "failing", "stopped", "done", "disabled"]
"""`waiting` rests between passes or because the source asked for it; `failing` tries again at
`until`, or waits for a person where there is no `until`; `done` has nothing more to give."""

KEPT_GAPS: Final = 5


class SourceState(msgspec.Struct, frozen=True, kw_only=True):
    """One source as it is now. `posts` and `dead` count what is safe since `started_at`;
    `errors` counts failed attempts; `gaps` holds the latest few."""

    id: str
    connector: str
    state: Phase
    reason: str = ""
    until: Moment | None = None
    posts: int = 0
    dead: int = 0
    errors: int = 0
    gaps: list[Gap] = []
    usage: list[Usage] = []
    """What was used of each budget that the source has."""
    last_post_at: Moment | None = None
    last_pass_at: Moment | None = None
    started_at: Moment | None = None
