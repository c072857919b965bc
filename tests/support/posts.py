"""A post with a given text, where nothing else about it matters."""

from datetime import UTC, datetime
from typing import Any

from connectors.post import Post

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def post(text: str, **fields: Any) -> Post:
    """A post of the source `test` from the first of January 2026."""
    basis = {"id": "test:1", "source": "test", "created_at": NOW, "collected_at": NOW}
    return Post(**{**basis, "text": text, **fields})
