"""What a worker did, counted: the figures of `veille status` and of a replay's summary."""

import msgspec


class Ledger(msgspec.Struct):
    """Counts since the worker's start. A record read again after a crash counts again here;
    the store's own counts stay exact."""

    posts: int = 0
    """Posts read from `veille.posts`, unreadable ones included."""
    matched: int = 0
    """Posts that met at least one topic."""
    mentions: int = 0
    """Mentions sent to `veille.mentions`."""
    retractions: int = 0
    stored: int = 0
    """Mentions the store took."""
    stale: int = 0
    """Mentions that lost against a newer version: as good as stored."""
    retracted: int = 0
    """Mentions taken back by an edit or a deletion."""
    dead: int = 0
    """Records sent to the dead letters by this worker."""
    letters: int = 0
    """Dead letters, from any part, that the store took."""
    missed: int = 0
    """Records the broker dropped before they were read: loss, shown in red."""
    labels: int = 0
    """Staff corrections that the store took."""

    def add(self, other: "Ledger") -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
