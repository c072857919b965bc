"""W3C Trace Context in Kafka headers: passed on as it came, begun where one is asked for.

https://www.w3.org/TR/trace-context/. Veille makes no spans of its own, so the ids pass unchanged:
what a later reader makes hangs below whoever sent the record.
"""

import re
import secrets
from collections.abc import Iterable
from typing import Final

Trace = tuple[tuple[str, bytes], ...]
"""The headers `traceparent` and, where there is one, `tracestate`; empty without a trace."""

PARENT: Final = "traceparent"
STATE: Final = "tracestate"
MAX_STATE_BYTES: Final = 512
"""What the specification asks every participant to pass on."""

_PARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)


def trace_of(headers: Iterable[tuple[str, bytes | None]]) -> Trace:
    """The trace among a record's headers. One that is not of the specified form is none, and so
    is a state without a trace or over `MAX_STATE_BYTES`."""
    parent: bytes | None = None
    state: bytes | None = None
    for name, value in headers:
        if name == PARENT:
            parent = value
        elif name == STATE:
            state = value
    if not parent or not _PARENT.fullmatch(parent):
        return ()
    if not state or len(state) > MAX_STATE_BYTES:
        return ((PARENT, parent),)
    return ((PARENT, parent), (STATE, state))


def new_trace() -> Trace:
    """A new trace, marked as sampled."""
    return ((PARENT, f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01".encode()),)
