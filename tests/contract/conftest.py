"""Both stores, for the tests that hold them to the same promises."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.mentions import Case, elasticsearch_case, sqlite_case


@pytest.fixture(params=["sqlite", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)])
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Case]:
    """A fresh, empty store of each kind."""
    if request.param == "sqlite":
        async with sqlite_case(tmp_path) as made:
            yield made
    else:
        server = request.getfixturevalue("elasticsearch")
        async with elasticsearch_case(server.url) as made:
            yield made
